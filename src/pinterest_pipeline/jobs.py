"""The tasks of the bundle's jobs, as the wheel's entry points: arguments in, one call to a room."""

import argparse
from collections.abc import Sequence
from datetime import UTC, date, datetime
from enum import StrEnum
from importlib import import_module

from pyspark.sql import SparkSession

from pinterest_pipeline.entities import Names
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.kinesis import Streams
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.tables import Lake, Origin, create_tables
from pinterest_pipeline.maintenance.erasure import Person
from pinterest_pipeline.maintenance.erasure import erase as erase_person
from pinterest_pipeline.maintenance.upkeep import purge_tables
from pinterest_pipeline.publish.publishing import publish as publish_answers
from pinterest_pipeline.publish.sharing import create_views, share
from pinterest_pipeline.refine import merging as refining
from pinterest_pipeline.refine.backfill import backfill as backfill_day
from pinterest_pipeline.refine.backfill import days_between
from pinterest_pipeline.refine.live import catch_up, follow

_ARGUMENTS = {
    "catalog": "catalog of the pipeline's schema",
    "schema": "schema of the pipeline's tables",
    "prefix": "the deployment's id, in front of every topic and stream",
    "landing": "folder or volume that the Kafka sink writes to",
    "checkpoints": "folder or volume of the checkpoints",
}


class Mode(StrEnum):
    """How long the task `stream` goes on."""

    CONTINUOUS = "continuous"
    """Until a query fails or the run is cancelled."""
    AVAILABLE_NOW = "available_now"
    """Until everything is read that was there when it started; the only way on serverless compute."""


def parser(*names: str) -> argparse.ArgumentParser:
    """Return the argument parser of a task that takes these arguments, all of them required.

    Args:
        names: Names from the task arguments every task draws on: catalog, schema, prefix, landing, checkpoints.
    """
    made = argparse.ArgumentParser()
    for name in names:
        made.add_argument(f"--{name}", required=True, help=_ARGUMENTS[name])
    return made


def tables_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `tables`, and of `replay`, which needs no more."""
    return parser("catalog", "schema")


def publish_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `publish`; an empty optional argument counts as not given."""
    made = parser("catalog", "schema")
    made.add_argument("--analysts", default="", help="group that may read clean, answers and runs; by default nobody")
    return made


def ingest_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `ingest`."""
    made = parser("catalog", "schema", "prefix", "landing", "checkpoints")
    made.add_argument("--reader", type=Reader, choices=list(Reader), default=Reader.AUTO_LOADER)
    return made


def refine_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `refine`."""
    return parser("catalog", "schema", "checkpoints")


def stream_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `stream`; an empty optional argument counts as not given."""
    made = parser("catalog", "schema", "prefix", "checkpoints")
    made.add_argument("--region", default="", help="AWS region of the streams; by default the one Spark runs in")
    made.add_argument("--service-credential", default="", help="name of the service credential that may read them")
    made.add_argument("--trigger", type=Mode, choices=list(Mode), default=Mode.CONTINUOUS)
    made.add_argument("--interval-seconds", type=_interval, default=10.0, help="time between two batches, continuous")
    return made


def days_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `days`."""
    made = argparse.ArgumentParser()
    made.add_argument("--first", type=_day, required=True, help="first day of arrival, in UTC; empty: today")
    made.add_argument("--last", type=_day, required=True, help="last day of arrival, in UTC; empty: today")
    return made


def erase_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `erase`; an empty age or date stands for one that is not known."""
    made = parser("catalog", "schema", "checkpoints")
    made.add_argument("--user-name", required=True, help="first and last name, as the clean table user holds it")
    made.add_argument("--age", type=_years, required=True, help="age in years")
    made.add_argument("--date-joined", type=_moment, required=True, help="such as 2018-08-24 07:56:22, in UTC")
    return made


def backfill_parser() -> argparse.ArgumentParser:
    """Return the parser of the task `backfill`."""
    made = parser("catalog", "schema", "prefix", "landing", "checkpoints")
    made.add_argument("--day", type=_day, required=True, help="day of arrival, in UTC")
    return made


def tables(arguments: Sequence[str] | None = None) -> None:
    """Create the schema, tables and views, and add columns that the declaration has gained."""
    given = tables_parser().parse_args(arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    create_tables(spark, lake)
    create_views(spark, lake)


def ingest(arguments: Sequence[str] | None = None) -> None:
    """Bring new files into the raw tables."""
    given = ingest_parser().parse_args(arguments)
    lake, names = Lake(given.catalog, given.schema), Names(given.prefix)
    ingest_landing(session(), lake, names, given.landing, given.checkpoints, given.reader)


def refine(arguments: Sequence[str] | None = None) -> None:
    """Bring new raw records from the sink's files into clean or quarantine."""
    given = refine_parser().parse_args(arguments)
    refining.refine(session(), Lake(given.catalog, given.schema), given.checkpoints, Origin.S3)


def stream(arguments: Sequence[str] | None = None) -> None:
    """Bring the streams' records to clean or quarantine.

    It makes the tables itself: a continuous job has no tasks that wait for each other.
    """
    given = stream_parser().parse_args(arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    streams = Streams(Names(given.prefix), given.region, given.service_credential)
    create_tables(spark, lake)
    if given.trigger is Mode.AVAILABLE_NOW:
        catch_up(spark, lake, streams, given.checkpoints)
    else:
        follow(spark, lake, streams, given.checkpoints, given.interval_seconds)


def replay(arguments: Sequence[str] | None = None) -> None:
    """Send quarantine through refine again."""
    given = tables_parser().parse_args(arguments)
    refining.replay(session(), Lake(given.catalog, given.schema))


def publish(arguments: Sequence[str] | None = None) -> None:
    """Write the answers that have changed, and let the analysts read them."""
    given = publish_parser().parse_args(arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    publish_answers(spark, lake)
    if given.analysts:
        share(spark, lake, given.analysts)


def days(arguments: Sequence[str] | None = None) -> None:
    """Give the days from the first to the last to the task that runs for each of them."""
    given = days_parser().parse_args(arguments)
    found = [f"{day}" for day in days_between(given.first, given.last)]
    if not found:
        raise StageError(f"expected the first day to come before the last, got {given.first} and {given.last}")
    spark = session()
    # Databricks' runtime alone has this module.
    utilities = import_module("pyspark.dbutils").DBUtils(spark)
    utilities.jobs.taskValues.set(key="days", value=found)


def backfill(arguments: Sequence[str] | None = None) -> None:
    """Judge a day's raw rows again, and bring in what landed on it and raw lacks."""
    given = backfill_parser().parse_args(arguments)
    lake, names = Lake(given.catalog, given.schema), Names(given.prefix)
    backfill_day(session(), lake, names, given.landing, given.checkpoints, given.day)


def erase(arguments: Sequence[str] | None = None) -> None:
    """Remove a person from the lake."""
    given = erase_parser().parse_args(arguments)
    person = Person(given.user_name, given.age, given.date_joined)
    erase_person(session(), Lake(given.catalog, given.schema), given.checkpoints, person)


def upkeep(arguments: Sequence[str] | None = None) -> None:
    """Take deleted rows out of the tables' files."""
    given = tables_parser().parse_args(arguments)
    purge_tables(session(), Lake(given.catalog, given.schema))


def _day(text: str) -> date:
    return date.fromisoformat(text) if text else datetime.now(UTC).date()


def _years(text: str) -> int | None:
    return int(text) if text else None


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _interval(text: str) -> float:
    seconds = float(text)
    if not 0 <= seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a number of seconds from 0 up, got {text}")
    return seconds


def session() -> SparkSession:
    """Return the workspace's session, set to UTC: the years in the answers are UTC years."""
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark
