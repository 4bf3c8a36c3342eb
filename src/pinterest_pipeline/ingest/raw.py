"""Files into the raw tables: a batch is appended once, and counted as it passes."""

from pathlib import Path

from pyspark.sql import DataFrame, Observation
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.checkpoints import Batch, folder
from pinterest_pipeline.entities import Entity
from pinterest_pipeline.observe import Counts, Run, counted, finished, now, record, spool_of
from pinterest_pipeline.streams import AVAILABLE_NOW, BatchWriter, append_once, start_query
from pinterest_pipeline.tables import Lake

QUERIES = "ingest_s3"
"""The folder of the queries' checkpoints."""


def append_raw(records: DataFrame, lake: Lake, entity: Entity, checkpoints: str) -> StreamingQuery:
    """Start the query that brings what has landed into a raw table, and ends.

    Args:
        records: A streaming frame with every column of a raw table but `batch_id`.
        lake: Where the raw tables are.
        entity: What the records are.
        checkpoints: The folder with a checkpoint folder for each query.
    """
    write = _writer(lake, entity, spool_of(folder(checkpoints), QUERIES))
    return start_query(
        records, f"ingest s3 {entity.name}", f"{checkpoints}/{QUERIES}/{entity.name}", AVAILABLE_NOW, write
    )


def _writer(lake: Lake, entity: Entity, spool: Path) -> BatchWriter:
    def write(records: DataFrame, batch: Batch) -> None:
        run, passed = Run("ingest", entity.name, batch.name, now()), Observation()
        rows = records.withColumn("batch_id", sf.lit(batch.name)).observe(passed, *Counts.columns())
        append_once(rows, lake.raw(entity), batch.query, batch.number)
        if batch.repeated:
            # An append that was done before is skipped, and nothing passes.
            raw = records.sparkSession.table(lake.raw(entity))
            counts = counted(raw.where(sf.col("batch_id") == batch.name))
        else:
            counts = Counts.of(passed.get)
        if counts.rows:
            record(spool, batch, finished(counts.put_into(run, kept=counts.rows)))

    return write
