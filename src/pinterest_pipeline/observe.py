"""What each run did: one row a batch and stage in the table `runs`."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime

from pyspark.sql import SparkSession

from pinterest_pipeline.streams import append_once
from pinterest_pipeline.tables import RUNS, Lake


@dataclass(frozen=True)
class Run:
    """What one stage did with one batch; the attributes are columns of `runs`."""

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


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


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
    rows = [asdict(run) | {"finished_at": finished} for run in runs]
    schema = ", ".join(f"{column.name} {column.type}" for column in RUNS)
    frame = spark.createDataFrame([tuple(row[column.name] for column in RUNS) for row in rows], schema)
    append_once(frame, lake.runs, application, version)
