"""What each task of the bundle's jobs does: arguments in, one call to a package."""

from collections.abc import Sequence
from importlib import import_module

from pyspark.sql import SparkSession

from pinterest_pipeline.arguments import Mode, read
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.kinesis import Streams
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


def tables(arguments: Sequence[str] | None = None) -> None:
    """Create the schema, tables and views, and bring existing tables to their definitions."""
    given = read("tables", arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    create_tables(spark, lake)
    create_views(spark, lake)


def ingest(arguments: Sequence[str] | None = None) -> None:
    """Ingest new files into the raw tables."""
    given = read("ingest", arguments)
    lake = Lake(given.catalog, given.schema)
    ingest_landing(session(), lake, given.prefix, given.landing, given.checkpoints, given.reader)


def refine(arguments: Sequence[str] | None = None) -> None:
    """Bring new raw records from the sink's files into clean or quarantine."""
    given = read("refine", arguments)
    refining.refine(session(), Lake(given.catalog, given.schema), given.checkpoints, Origin.S3)


def stream(arguments: Sequence[str] | None = None) -> None:
    """Bring the streams' records to clean or quarantine.

    It makes the tables itself: a continuous job has no tasks that wait for each other.
    """
    given = read("stream", arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    streams = Streams(given.prefix, given.region, given.service_credential)
    create_tables(spark, lake)
    if given.trigger is Mode.AVAILABLE_NOW:
        catch_up(spark, lake, streams, given.checkpoints)
    else:
        follow(spark, lake, streams, given.checkpoints, given.interval_seconds)


def replay(arguments: Sequence[str] | None = None) -> None:
    """Refine the records in quarantine again."""
    given = read("replay", arguments)
    refining.replay(session(), Lake(given.catalog, given.schema))


def publish(arguments: Sequence[str] | None = None) -> None:
    """Write the answers that have changed, and grant the analysts read access."""
    given = read("publish", arguments)
    spark, lake = session(), Lake(given.catalog, given.schema)
    publish_answers(spark, lake)
    if given.analysts:
        share(spark, lake, given.analysts)


def days(arguments: Sequence[str] | None = None) -> None:
    """Set the days from the first to the last as the input of the task that runs for each day."""
    given = read("days", arguments)
    found = [f"{day}" for day in days_between(given.first, given.last)]
    if not found:
        raise StageError(f"expected the first day to come before the last, got {given.first} and {given.last}")
    spark = session()
    # Only Databricks' runtime has this module.
    utilities = import_module("pyspark.dbutils").DBUtils(spark)
    utilities.jobs.taskValues.set(key="days", value=found)


def backfill(arguments: Sequence[str] | None = None) -> None:
    """Validate a day's raw rows again, and ingest lines that landed on it and raw lacks."""
    given = read("backfill", arguments)
    lake = Lake(given.catalog, given.schema)
    backfill_day(session(), lake, given.prefix, given.landing, given.checkpoints, given.day)


def erase(arguments: Sequence[str] | None = None) -> None:
    """Remove a person from the lake."""
    given = read("erase", arguments)
    person = Person(given.user_name, given.age, given.date_joined)
    erase_person(session(), Lake(given.catalog, given.schema), given.checkpoints, person)


def upkeep(arguments: Sequence[str] | None = None) -> None:
    """Purge deleted rows from the tables' files."""
    given = read("upkeep", arguments)
    purge_tables(session(), Lake(given.catalog, given.schema))


def session() -> SparkSession:
    """Return the workspace's session, set to UTC: the years in the answers are UTC years."""
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark
