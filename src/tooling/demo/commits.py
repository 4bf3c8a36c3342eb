"""The commits of the streams' records to the raw tables, from the table `runs`."""

from datetime import datetime

from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import Lake, Origin
from tooling.demo.report import Commit, Stream


def stream_of(spark: SparkSession, lake: Lake, started: datetime) -> Stream | None:
    """Return every batch from Kinesis, and the latencies of all records; None for no batch.

    Args:
        spark: The session.
        lake: Where the tables are.
        started: When the run started.
    """
    # Only records from Kinesis have a latency: files are as old as their landing.
    runs = spark.table(lake.runs).where("stage = 'ingest' AND latency_p50_seconds IS NOT NULL")
    rows = runs.orderBy("finished_at").collect()
    if not rows:
        return None
    half, most = _latencies(spark, lake)
    return Stream(_commits(rows, started), half, most)


def _commits(rows: list[Row], started: datetime) -> tuple[Commit, ...]:
    before: dict[str, datetime] = {}
    commits = []
    for row in rows:
        entity, finished = row["subject"], row["finished_at"]
        since = before.get(entity, row["oldest_arrival"])
        before[entity] = finished
        commits.append(
            Commit(
                entity=entity,
                at=(finished - _local(started)).total_seconds(),
                took=(finished - since).total_seconds(),
                rows=row["rows_read"],
                latency_p50=row["latency_p50_seconds"],
                latency_p99=row["latency_p99_seconds"],
                lag=(finished - row["newest_arrival"]).total_seconds(),
            )
        )
    return tuple(commits)


def _local(moment: datetime) -> datetime:
    """Return a time as Spark returns timestamps: in this machine's time zone, naive."""
    return moment.astimezone().replace(tzinfo=None)


def _latencies(spark: SparkSession, lake: Lake) -> tuple[float, float]:
    """Return the latencies that half and 99% of all records did not exceed, in seconds."""
    arrivals = [spark.table(lake.raw(entity)).where(sf.col("origin") == Origin.KINESIS) for entity in ENTITIES]
    records = arrivals[0].unionAll(arrivals[1]).unionAll(arrivals[2]).select("batch_id", "arrived_at")
    runs = spark.table(lake.runs).where("stage = 'ingest'").select(sf.col("batch").alias("batch_id"), "finished_at")
    seconds = sf.col("finished_at").cast("DOUBLE") - sf.col("arrived_at").cast("DOUBLE")
    quantiles = records.join(runs, "batch_id").select(sf.percentile(seconds, [0.5, 0.99]).alias("latencies"))
    half, most = quantiles.collect()[0]["latencies"]
    return half, most
