"""The stream: from Kinesis to raw, and on to clean and quarantine, in the same batch.

One query per entity does both. Two queries in sequence would plan and commit twice as often, and a record would wait
for both.
"""

import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from threading import Event

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.ingest.kinesis import Streams, stream_records
from pinterest_pipeline.lake.checkpoints import Batch, folder
from pinterest_pipeline.lake.queries import (
    AVAILABLE_NOW,
    BatchWriter,
    Start,
    Trigger,
    append_once,
    run_to_end,
    run_until_stopped,
    start_query,
)
from pinterest_pipeline.lake.runs import Run, finished, flush, now, record, recorded, spool_of
from pinterest_pipeline.lake.tables import RAW, Lake, Origin
from pinterest_pipeline.refine.merging import is_rejected, refine, settle
from pinterest_pipeline.refine.rules import judge
from pinterest_pipeline.refine.staging import staged_batch, staging_of

# The name from when these queries only wrote to raw: it keeps their checkpoints valid.
_QUERIES = "ingest_kinesis"
_FORMER_REFINE = "refine_kinesis"


def catch_up(spark: SparkSession, lake: Lake, streams: Streams, checkpoints: str) -> None:
    """Bring the streams' existing records to clean or quarantine, and end.

    Args:
        spark: The session.
        lake: Where the tables are.
        streams: The streams.
        checkpoints: The folder with a checkpoint folder for each query.

    Raises:
        StageError: A query failed; it resumes where it stopped when it is started again.
    """
    place = folder(checkpoints)
    _refine_leftovers(spark, lake, checkpoints)
    with recorded(spark, lake, spool_of(place, _QUERIES)):
        run_to_end(_queries(spark, lake, streams, checkpoints, AVAILABLE_NOW))


def follow(
    spark: SparkSession,
    lake: Lake,
    streams: Streams,
    checkpoints: str,
    interval_seconds: float,
    stop: Event | None = None,
) -> None:
    """Bring new records to clean or quarantine continuously; returns when it is stopped.

    Args:
        spark: The session.
        lake: Where the tables are.
        streams: The streams.
        checkpoints: The folder with a checkpoint folder for each query.
        interval_seconds: Time between two batches of a query. A shorter one lowers latency, and creates more and
            smaller files.
        stop: Set by another thread to end all queries.

    Raises:
        StageError: A query failed, and the others were stopped; all resume where they stopped when they are started
            again.
    """
    spool = spool_of(folder(checkpoints), _QUERIES)
    _refine_leftovers(spark, lake, checkpoints)
    with recorded(spark, lake, spool):
        queries = _queries(spark, lake, streams, checkpoints, Trigger(interval_seconds))
        run_until_stopped(queries, stop or Event(), upkeep=partial(flush, spark, lake, spool))


def _queries(spark: SparkSession, lake: Lake, streams: Streams, checkpoints: str, trigger: Trigger) -> Iterator[Start]:
    # Every stream is checked before the first query starts: none is left running if another cannot start.
    records = {entity: stream_records(spark, streams, entity) for entity in ENTITIES}
    for entity, rows in records.items():
        yield partial(_start, rows, lake, entity, checkpoints, trigger)


def query_name(entity: Entity) -> str:
    """Return the name of an entity's query in its session."""
    return f"stream {Origin.KINESIS} {entity.name}"


def _start(records: DataFrame, lake: Lake, entity: Entity, checkpoints: str, trigger: Trigger) -> StreamingQuery:
    # Validated in the query's own plan, which is built once and not for every batch.
    return start_query(
        judge(records, entity),
        query_name(entity),
        f"{checkpoints}/{_QUERIES}/{entity.name}",
        trigger,
        _writer(lake, entity, folder(checkpoints)),
    )


def _writer(lake: Lake, entity: Entity, checkpoints: Path) -> BatchWriter:
    staging, spool = staging_of(checkpoints, _QUERIES, entity), spool_of(checkpoints, _QUERIES)

    def write(judged: DataFrame, batch: Batch) -> None:
        started = now()
        with staged_batch(judged, staging, batch, is_rejected()) as (rows, counts):
            if not counts.rows:
                return
            named = rows.withColumn("batch_id", sf.lit(batch.name))
            append_once(named.select(*(column.name for column in RAW)), lake.raw(entity), batch.query, batch.number)
            all_kept = replace(counts, rejected=0).put_into(
                Run("ingest", entity.name, batch.name, started), counts.rows
            )
            ingested = finished(all_kept, counts)
            refined = finished(settle(named, lake, entity, batch, counts, now()), counts)
            record(spool, batch, ingested, refined)

    return write


def _refine_leftovers(spark: SparkSession, lake: Lake, checkpoints: str) -> None:
    """Refine raw records that queries of an earlier version had not refined, once after the upgrade."""
    former = folder(checkpoints) / _FORMER_REFINE
    if former.is_dir():
        refine(spark, lake, checkpoints, Origin.KINESIS)
        shutil.rmtree(former)
