"""What each run did: one row a batch and stage in the table `runs`."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.streams import append_once
from pinterest_pipeline.tables import RUNS, Lake

# Of arrival: what arrived first has waited longest, so the first hundredth gives the latency of 99 in 100.
_QUANTILES = (0.5, 0.01)


@dataclass(frozen=True)
class Run:
    """What one stage did with one batch; the attributes are columns of `runs`, but for the last.

    Attributes:
        arrivals: When the median row arrived and when the row that 99 of 100 came after, in seconds since 1970; None
            where nothing measures latency. `record` makes the two latencies of it.
    """

    stage: str
    subject: str
    batch: str
    started_at: datetime
    rows_read: int = 0
    rows_kept: int = 0
    rows_rejected: int = 0
    rows_replaced: int = 0
    oldest_arrival: datetime | None = None
    newest_arrival: datetime | None = None
    arrivals: Sequence[float] | None = None


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


def counted(run: Run, rows: DataFrame, *more: Column, timed: bool = False) -> Run:
    """Return the run with what one pass over its rows says: how many, and when they arrived.

    Args:
        run: The run.
        rows: What it reads; has the column `arrived_at`.
        more: Further counts, each under the name of its attribute.
        timed: Whether the latency of the rows is of interest.
    """
    columns = [
        sf.count("*").alias("rows_read"),
        sf.min("arrived_at").alias("oldest_arrival"),
        sf.max("arrived_at").alias("newest_arrival"),
        *more,
    ]
    if timed:
        seconds = sf.col("arrived_at").cast("DOUBLE")
        columns.append(sf.percentile_approx(seconds, list(_QUANTILES)).alias("arrivals"))
    return replace(run, **rows.agg(*columns).collect()[0].asDict())


def record(spark: SparkSession, lake: Lake, runs: list[Run], application: str, version: int) -> None:
    """Append what runs did, once for this application and version.

    Args:
        spark: The session.
        lake: Where `runs` is.
        runs: What was done; it counts as finished now.
        application: Who did it.
        version: The number of the batch, growing.
    """
    finished = now()
    rows = [asdict(run) | _latencies(run, finished) | {"finished_at": finished} for run in runs]
    schema = ", ".join(f"{column.name} {column.type}" for column in RUNS)
    frame = spark.createDataFrame([tuple(row[column.name] for column in RUNS) for row in rows], schema)
    append_once(frame, lake.runs, application, version)


def _latencies(run: Run, finished: datetime) -> dict[str, float | None]:
    half, most = run.arrivals or (None, None)
    return {
        "latency_p50_seconds": None if half is None else finished.timestamp() - half,
        "latency_p99_seconds": None if most is None else finished.timestamp() - most,
    }
