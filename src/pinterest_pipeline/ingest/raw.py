"""One way into the raw tables, whatever brought the records: a batch is appended once, and counted where it is."""

from pyspark.sql import DataFrame
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.observe import Run, counted, now, record
from pinterest_pipeline.streams import BatchWriter, Trigger, append_once, batch_name, query_id, start_query
from pinterest_pipeline.tables import Lake, Origin


def append_raw(
    records: DataFrame, lake: Lake, entity: Entity, origin: Origin, checkpoints: str, trigger: Trigger
) -> StreamingQuery:
    """Start the query that brings records into their raw table.

    Args:
        records: A streaming frame with every column of a raw table but `batch_id`.
        lake: Where the raw tables are.
        entity: What the records are.
        origin: How they come; every entity and origin has a checkpoint of its own.
        checkpoints: The folder with a checkpoint folder for each query.
        trigger: When the query takes up what is new.
    """
    checkpoint = f"{checkpoints}/ingest_{origin}/{entity.name}"
    write = _writer(lake, entity, checkpoint, origin)
    return start_query(records, f"ingest {origin} {entity.name}", checkpoint, trigger, write)


def _writer(lake: Lake, entity: Entity, checkpoint: str, origin: Origin) -> BatchWriter:
    def write(rows: DataFrame, number: int) -> None:
        spark, started = rows.sparkSession, now()
        query = query_id(spark, checkpoint)
        batch = batch_name(number, query)
        append_once(rows.withColumn("batch_id", sf.lit(batch)), lake.raw(entity), query, number)
        added = spark.table(lake.raw(entity)).where(sf.col("batch_id") == batch)
        added_rows = sf.count("*").alias("rows_kept")
        run = counted(Run("ingest", entity.name, batch, started), added, added_rows, timed=origin is Origin.KINESIS)
        if run.rows_read:
            record(spark, lake, [run], f"{query} runs", number)

    return write
