"""Appends batches of files to the raw tables, each once, and counts them during the write."""

from pathlib import Path

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.lake.checkpoints import Batch, folder
from pinterest_pipeline.lake.queries import AVAILABLE_NOW, BatchWriter, append_once, start_query
from pinterest_pipeline.lake.runs import Counts, Run, counted, finished, now, record, spool_of
from pinterest_pipeline.lake.tables import Lake, Origin

QUERIES = "ingest_s3"
"""The folder of the queries' checkpoints."""

_REWRITTEN_WITHIN = "INTERVAL 7 DAYS"  # a killed sink rewrites its files when it is restarted


def append_raw(records: DataFrame, lake: Lake, entity: Entity, checkpoints: str, *, read_again: bool) -> StreamingQuery:
    """Start the query that appends landed records to a raw table, and ends.

    Args:
        records: A streaming frame with every column of a raw table but `batch_id`.
        lake: Where the raw tables are.
        entity: The records' entity.
        checkpoints: The folder with a checkpoint folder for each query.
        read_again: Whether a rewritten file is read again.
    """
    write = _writer(lake, entity, spool_of(folder(checkpoints), QUERIES), read_again=read_again)
    return start_query(
        records, f"ingest s3 {entity.name}", f"{checkpoints}/{QUERIES}/{entity.name}", AVAILABLE_NOW, write
    )


def with_first_arrival(records: DataFrame, raw: DataFrame) -> DataFrame:
    """Return landed records with the first arrival time of their file.

    The sink may rewrite a file (docs/decisions/0012), with a new time; its records must not become newer than others
    of the same keys that arrived in between. Raw has the arrival times of the last week's files.

    Args:
        records: Landed records with `position` and `arrived_at`.
        raw: The raw table that they are appended to.
    """
    file = sf.substring_index("position", ":", 1).alias("_file")
    recent = (sf.col("origin") == Origin.S3) & (
        sf.col("arrived_at") > sf.expr(f"current_timestamp() - {_REWRITTEN_WITHIN}")
    )
    # Of all files: a semi join with those of the batch costs as much for each row as the aggregation, and reads and
    # splits the batch's files once more to get their names.
    seen = raw.where(recent).groupBy(file).agg(sf.min("arrived_at").alias("_first"))
    joined = records.select("*", file).join(sf.broadcast(seen), "_file", "left")
    return joined.withColumn("arrived_at", sf.least("arrived_at", "_first")).drop("_file", "_first")


def _writer(lake: Lake, entity: Entity, spool: Path, *, read_again: bool) -> BatchWriter:
    def write(records: DataFrame, batch: Batch) -> None:
        run, passed = Run("ingest", entity.name, batch.name, now()), Observation()
        if read_again:
            records = with_first_arrival(records, records.sparkSession.table(lake.raw(entity)))
        rows = records.withColumn("batch_id", sf.lit(batch.name)).observe(passed, *Counts.columns())
        append_once(rows, lake.raw(entity), batch.query, batch.number)
        if batch.repeated:
            # A repeated append is skipped, so the observation is empty.
            raw = records.sparkSession.table(lake.raw(entity))
            counts = counted(raw.where(sf.col("batch_id") == batch.name))
        else:
            counts = Counts.of(passed.get)
        if counts.rows:
            record(spool, batch, finished(counts.put_into(run, kept=counts.rows)))

    return write
