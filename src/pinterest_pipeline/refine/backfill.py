"""Backfills days: validates raw rows by the current rules, and ingests landed lines that raw lacks."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.ingest.files import landed_lines
from pinterest_pipeline.ingest.raw import with_first_arrival
from pinterest_pipeline.lake.checkpoints import Batch, folder
from pinterest_pipeline.lake.queries import append_once
from pinterest_pipeline.lake.runs import append_runs_once, finished, now
from pinterest_pipeline.lake.tables import Lake, Origin, table_version
from pinterest_pipeline.refine.merging import delete_records, is_rejected, settle
from pinterest_pipeline.refine.rules import judge
from pinterest_pipeline.refine.staging import staged_batch, staging_of

_STAGE = "backfill"
_DAY = timedelta(days=1)


def backfill(spark: SparkSession, lake: Lake, names: Names, landing: str, checkpoints: str, day: date) -> None:
    """Validate a day's raw rows again, and ingest lines that landed on that day and raw lacks; safe to run again.

    The next run of `refine` refines the ingested lines, like all new raw records.

    Args:
        spark: The session.
        lake: Where the tables are.
        names: The deployment's topics.
        landing: The folder or bucket the sink writes to.
        checkpoints: The folder with a checkpoint folder for each query.
        day: The day of arrival, in UTC.

    Raises:
        StageError: A topic's folder does not exist; nothing is changed then.
    """
    lines = {entity: landed_lines(spark, f"{landing}/topics/{names.topic(entity)}", day) for entity in ENTITIES}
    for entity, landed in lines.items():
        _revalidate(spark, lake, entity, checkpoints, day)
        _ingest_missing(spark, lake, entity, landed.where(_arrived_on(day)), day)


def days_between(first: date, last: date) -> list[date]:
    """Return every day from the first to the last; none if the last is earlier."""
    return [first + _DAY * number for number in range((last - first).days + 1)]


def _revalidate(spark: SparkSession, lake: Lake, entity: Entity, checkpoints: str, day: date) -> None:
    raw, started = lake.raw(entity), now()
    version = table_version(spark, raw)
    # All rows were validated before: `settle` also removes those that the rules no longer accept.
    batch = Batch(f"{_STAGE} {day}", version, repeated=True)
    arrived = spark.read.option("versionAsOf", version).table(raw).where(_arrived_on(day))
    staging = staging_of(folder(checkpoints), _STAGE, entity)
    with staged_batch(judge(arrived, entity), staging, batch, is_rejected()) as (rows, counts):
        if not counts.rows:
            return
        run = settle(rows, lake, entity, batch, counts, started)
        delete_records(rows.where(~is_rejected()), lake.quarantine(entity))
        # Rows superseded by a newer record of their key were counted at their first validation.
        run = finished(replace(run, stage=_STAGE, rows_replaced=0))
        append_runs_once(spark, lake, [run], f"{_STAGE} {entity.name} {day}", version)


def _ingest_missing(spark: SparkSession, lake: Lake, entity: Entity, landed: DataFrame, day: date) -> None:
    raw = lake.raw(entity)
    existing = spark.table(raw).where(sf.col("origin") == Origin.S3).select("position")
    lacking = with_first_arrival(landed, spark.table(raw)).join(existing, "position", "left_anti")
    if lacking.isEmpty():
        return
    version = table_version(spark, raw)
    batch = Batch(f"{_STAGE} {day}", version)
    append_once(lacking.withColumn("batch_id", sf.lit(batch.name)), raw, f"{_STAGE} {entity.name} {day}", version)


def _arrived_on(day: date) -> Column:
    begins, ends = (datetime(each.year, each.month, each.day, tzinfo=UTC) for each in (day, day + _DAY))
    return (sf.col("arrived_at") >= sf.lit(begins)) & (sf.col("arrived_at") < sf.lit(ends))
