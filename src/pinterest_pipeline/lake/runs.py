"""What each run did: one row a batch and stage in the table `runs`.

A commit of one row costs as much as one of a thousand. What batches did is therefore spooled first, a small file a
batch, and appended to the table together: when a run of a stage ends, and once a minute while a stream runs.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.lake.checkpoints import Batch
from pinterest_pipeline.lake.queries import append_once
from pinterest_pipeline.lake.tables import RUNS, Lake

# Of arrival: what arrived first has waited longest, so the first hundredth gives the latency of 99 in 100.
_QUANTILES = (0.5, 0.01)
_TIMES = ("oldest_arrival", "newest_arrival", "started_at", "finished_at")


@dataclass(frozen=True)
class Run:
    """What one stage did with one batch; the attributes are columns of `runs`."""

    stage: str
    subject: str
    batch: str
    started_at: datetime
    finished_at: datetime | None = None
    rows_read: int = 0
    rows_kept: int = 0
    rows_rejected: int = 0
    rows_replaced: int = 0
    oldest_arrival: datetime | None = None
    newest_arrival: datetime | None = None
    latency_p50_seconds: float | None = None
    latency_p99_seconds: float | None = None


@dataclass(frozen=True)
class Counts:
    """What one pass over the rows of a batch says.

    Attributes:
        rows: How many there are.
        rejected: How many of them have reasons.
        arrivals: Seconds since 1970 when the oldest, the newest and the median row arrived, and the row that 99 of 100
            came after; None where there are no rows.
    """

    rows: int
    rejected: int
    arrivals: tuple[float, float, float, float] | None

    @staticmethod
    def columns(rejected: Column | None = None) -> list[Column]:
        """Return what to aggregate; needs the column `arrived_at`.

        Args:
            rejected: Whether a row is one that is rejected; none is where it is not given.
        """
        seconds = sf.col("arrived_at").cast("DOUBLE")
        return [
            sf.count("*").alias("rows"),
            sf.lit(0).alias("rejected") if rejected is None else sf.count_if(rejected).alias("rejected"),
            sf.min(seconds).alias("oldest"),
            sf.max(seconds).alias("newest"),
            sf.percentile_approx(seconds, list(_QUANTILES)).alias("quantiles"),
        ]

    @classmethod
    def of(cls, found: dict[str, Any]) -> "Counts":
        """Return the counts from the values of `columns`, by their names."""
        arrivals = (found["oldest"], found["newest"], *found["quantiles"]) if found["rows"] else None
        return cls(found["rows"], found["rejected"], arrivals)

    def put_into(self, run: Run, kept: int) -> Run:
        """Return the run with its rows: what was read, rejected, kept, and when they arrived; the rest was replaced."""
        oldest, newest = (
            (datetime.fromtimestamp(at, UTC) for at in self.arrivals[:2]) if self.arrivals else (None, None)
        )
        return replace(
            run,
            rows_read=self.rows,
            rows_kept=kept,
            rows_rejected=self.rejected,
            rows_replaced=self.rows - self.rejected - kept,
            oldest_arrival=oldest,
            newest_arrival=newest,
        )


def counted(rows: DataFrame, rejected: Column | None = None) -> Counts:
    """Count rows by a query of its own, where no write passes them.

    Args:
        rows: Rows with `arrived_at`.
        rejected: As `Counts.columns` takes it.
    """
    return Counts.of(rows.agg(*Counts.columns(rejected)).collect()[0].asDict())


def now() -> datetime:
    """Return the time, with its zone."""
    return datetime.now(UTC)


def finished(run: Run, counts: Counts | None = None) -> Run:
    """Return the run as finished now.

    Args:
        run: The run.
        counts: When its rows arrived, where the latency is of interest.
    """
    end = now()
    done = replace(run, finished_at=end)
    if counts is None or counts.arrivals is None:
        return done
    half, most = (end.timestamp() - arrival for arrival in counts.arrivals[2:])
    return replace(done, latency_p50_seconds=half, latency_p99_seconds=most)


def spool_of(checkpoints: Path, queries: str) -> Path:
    """Return the folder in which the runs of some queries wait for the table.

    Args:
        checkpoints: The folder of all checkpoints.
        queries: The folder of the queries' checkpoints in it: whoever owns these owns the spool.
    """
    return checkpoints / "runs" / queries


def record(spool: Path, batch: Batch, *runs: Run) -> None:
    """Spool what was done with a batch; a second call for the same batch takes the place of the first.

    Args:
        spool: The folder of the spool.
        batch: The batch.
        runs: What each stage did with it.
    """
    spool.mkdir(parents=True, exist_ok=True)
    file = spool / f"{batch.query}-{batch.number:010d}.json"
    part = file.with_suffix(".part")
    rows = [asdict(run) for run in runs]
    part.write_text(
        json.dumps({"repeated": batch.repeated, "runs": rows}, default=datetime.isoformat), encoding="utf-8"
    )
    part.replace(file)


@contextmanager
def recorded(spark: SparkSession, lake: Lake, spool: Path) -> Iterator[None]:
    """Bring what the block spools into `runs` at its end, and what an earlier run left at its start.

    Where the block fails, the next run brings it in.
    """
    flush(spark, lake, spool, left_over=True)
    yield
    flush(spark, lake, spool)


def flush(spark: SparkSession, lake: Lake, spool: Path, *, left_over: bool = False) -> None:
    """Append what is spooled to `runs`, in one commit, and empty the spool.

    Args:
        spark: The session.
        lake: Where `runs` is.
        spool: The folder of the spool.
        left_over: Whether an earlier process may have died between the commit and the emptying.
    """
    files = sorted(spool.glob("*.json"))
    spooled = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    runs = [_run(values) for entry in spooled for values in entry["runs"]]
    if left_over or any(entry["repeated"] for entry in spooled):
        runs = _unrecorded(spark, lake, runs)
    if runs:
        append_runs(spark, lake, runs)
    for file in files:
        file.unlink()


def append_runs(spark: SparkSession, lake: Lake, runs: Sequence[Run]) -> None:
    """Append runs to the table.

    Args:
        spark: The session.
        lake: Where `runs` is.
        runs: What was done.
    """
    _frame(spark, runs).write.format("delta").mode("append").saveAsTable(lake.runs)


def append_runs_once(spark: SparkSession, lake: Lake, runs: Sequence[Run], application: str, version: int) -> None:
    """Append runs to the table, once for this application and version.

    Args:
        spark: The session.
        lake: Where `runs` is.
        runs: What was done.
        application: Who did it.
        version: The number of the append, growing.
    """
    append_once(_frame(spark, runs), lake.runs, application, version)


def _frame(spark: SparkSession, runs: Sequence[Run]) -> DataFrame:
    columns = pa.table({column.name: [getattr(run, column.name) for run in runs] for column in RUNS})
    return spark.createDataFrame(columns, ", ".join(f"{column.name} {column.type}" for column in RUNS))


def _run(values: dict[str, Any]) -> Run:
    times = {name: datetime.fromisoformat(values[name]) for name in _TIMES if values[name]}
    return Run(**(values | times))


def _unrecorded(spark: SparkSession, lake: Lake, runs: list[Run]) -> list[Run]:
    """Leave out what is in the table already."""
    if not runs:
        return []
    batches = sorted({run.batch for run in runs})
    there = spark.table(lake.runs).where(sf.col("batch").isin(batches)).select("stage", "batch").collect()
    known = {(row["stage"], row["batch"]) for row in there}
    return [run for run in runs if (run.stage, run.batch) not in known]
