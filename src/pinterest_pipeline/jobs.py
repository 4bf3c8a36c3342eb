"""What each task of the bundle's jobs does: arguments in, one call to a package."""

from importlib import import_module

from pyspark.sql import SparkSession

from pinterest_pipeline.arguments import Arguments, Mode
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


def tables(given: Arguments) -> None:
    """Create the schema, tables and views, and bring existing tables to their definitions."""
    spark, lake = session(), Lake(given.catalog, given.schema)
    create_tables(spark, lake)
    create_views(spark, lake)


def ingest(given: Arguments) -> None:
    """Ingest new files into the raw tables."""
    lake = Lake(given.catalog, given.schema)
    ingest_landing(session(), lake, given.prefix, given.landing, given.checkpoints, given.reader)


def refine(given: Arguments) -> None:
    """Bring new raw records from the sink's files into clean or quarantine."""
    refining.refine(session(), Lake(given.catalog, given.schema), given.checkpoints, Origin.S3)


def stream(given: Arguments) -> None:
    """Bring the streams' records to clean or quarantine.

    It makes the tables itself: a continuous job has no tasks that wait for each other.
    """
    spark, lake = session(), Lake(given.catalog, given.schema)
    streams = Streams(given.prefix, given.region, given.service_credential)
    create_tables(spark, lake)
    if given.trigger is Mode.AVAILABLE_NOW:
        catch_up(spark, lake, streams, given.checkpoints)
    else:
        follow(spark, lake, streams, given.checkpoints, given.interval_seconds)


def replay(given: Arguments) -> None:
    """Refine the records in quarantine again."""
    refining.replay(session(), Lake(given.catalog, given.schema))


def publish(given: Arguments) -> None:
    """Write the answers that have changed, and grant the analysts read access."""
    spark, lake = session(), Lake(given.catalog, given.schema)
    publish_answers(spark, lake, given.checkpoints)
    if given.analysts:
        share(spark, lake, given.analysts)


def days(given: Arguments) -> None:
    """Set the days from the first to the last as the input of the task that runs for each day."""
    found = [f"{day}" for day in days_between(given.first, given.last)]
    if not found:
        raise StageError(f"expected the first day to come before the last, got {given.first} and {given.last}")
    spark = session()
    # Only Databricks' runtime has this module.
    utilities = import_module("pyspark.dbutils").DBUtils(spark)
    utilities.jobs.taskValues.set(key="days", value=found)


def backfill(given: Arguments) -> None:
    """Validate a day's raw rows again, and ingest lines that landed on it and raw lacks."""
    lake = Lake(given.catalog, given.schema)
    backfill_day(session(), lake, given.prefix, given.landing, given.checkpoints, given.day)


def erase(given: Arguments) -> None:
    """Remove a person from the lake."""
    person = Person(given.user_name, given.age, given.date_joined)
    erase_person(session(), Lake(given.catalog, given.schema), given.checkpoints, person)


def upkeep(given: Arguments) -> None:
    """Purge deleted rows from the tables' files."""
    purge_tables(session(), Lake(given.catalog, given.schema))


def session() -> SparkSession:
    """Return the workspace's session, set to UTC: the years in the answers are UTC years."""
    spark = SparkSession.builder.getOrCreate()
    spark.conf.set("spark.sql.session.timeZone", "UTC")
    return spark
