"""The table `runs`: one row per batch and stage.

A commit of one row costs as much as a commit of a thousand. Rows are therefore spooled first, one small file per
batch, and appended to the table together: when a run of a stage ends, and once a minute while a stream runs.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.files import replacing
from pinterest_pipeline.lake.checkpoints import Batch
from pinterest_pipeline.lake.frames import frame_of
from pinterest_pipeline.lake.queries import append_once
from pinterest_pipeline.lake.tables import RUNS, Lake

# Of arrival: the earliest rows have waited longest, so the first percentile of arrival is the 99th of latency.
_QUANTILES = (0.5, 0.01)
_TIMES = ("oldest_arrival", "newest_arrival", "started_at", "finished_at")


@dataclass(frozen=True)
class Run:
    """One row of `runs`: what one stage did with one batch."""

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
    """Counts and arrival times of a batch, from one pass over its rows.

    Attributes:
        rows: The number of rows.
        rejected: The number of rejected rows.
        arrivals: Oldest, newest, median and first-percentile arrival, in seconds since 1970; None without rows.
    """

    rows: int
    rejected: int
    arrivals: tuple[float, float, float, float] | None

    @staticmethod
    def columns(rejected: Column | None = None) -> list[Column]:
        """Return the columns to aggregate; needs the column `arrived_at`.

        Args:
            rejected: Whether a row is rejected; without it none is.
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
        """Return the run with its counts and arrival times; rows neither rejected nor kept were replaced."""
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
    """Count rows by a separate query, when no write counts them.

    Args:
        rows: Rows with `arrived_at`.
        rejected: As `Counts.columns` takes it.
    """
    return Counts.of(rows.agg(*Counts.columns(rejected)).collect()[0].asDict())


def now() -> datetime:
    """Return the current time in UTC."""
    return datetime.now(UTC)


def finished(run: Run, counts: Counts | None = None) -> Run:
    """Return the run as finished now.

    Args:
        run: The run.
        counts: The batch's counts, if its latency is to be recorded.
    """
    end = now()
    done = replace(run, finished_at=end)
    if counts is None or counts.arrivals is None:
        return done
    p50, p99 = (end.timestamp() - arrival for arrival in counts.arrivals[2:])
    return replace(done, latency_p50_seconds=p50, latency_p99_seconds=p99)


def spool_of(checkpoints: Path, queries: str) -> Path:
    """Return the spool folder of some queries.

    Args:
        checkpoints: The folder of all checkpoints.
        queries: The folder of the queries' checkpoints in it; the spool belongs to the same queries.
    """
    return checkpoints / "runs" / queries


def record(spool: Path, batch: Batch, *runs: Run) -> None:
    """Spool the runs of a batch; a second call for the same batch replaces the first.

    Args:
        spool: The folder of the spool.
        batch: The batch.
        runs: One run per stage.
    """
    spool.mkdir(parents=True, exist_ok=True)
    file = spool / f"{batch.query}-{batch.number:010d}.json"
    content = {"repeated": batch.repeated, "runs": [asdict(run) for run in runs]}
    with replacing(file) as draft:
        draft.write_text(json.dumps(content, default=datetime.isoformat), encoding="utf-8")


@contextmanager
def recorded(spark: SparkSession, lake: Lake, spool: Path) -> Iterator[None]:
    """Flush the spool into `runs` before the block (leftovers of an earlier run) and after it.

    If the block fails, the next run flushes its spool.
    """
    flush(spark, lake, spool, left_over=True)
    yield
    flush(spark, lake, spool)


def flush(spark: SparkSession, lake: Lake, spool: Path, *, left_over: bool = False) -> None:
    """Append the spooled runs to `runs` in one commit, and empty the spool.

    Args:
        spark: The session.
        lake: Where `runs` is.
        spool: The folder of the spool.
        left_over: Whether an earlier process may have died between the commit and emptying the spool.
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
        runs: The runs.
    """
    _frame(spark, runs).write.format("delta").mode("append").saveAsTable(lake.runs)


def append_runs_once(spark: SparkSession, lake: Lake, runs: Sequence[Run], application: str, version: int) -> None:
    """Append runs to the table, once for this application and version.

    Args:
        spark: The session.
        lake: Where `runs` is.
        runs: The runs.
        application: The name of the appending application.
        version: The number of the append, increasing.
    """
    append_once(_frame(spark, runs), lake.runs, application, version)


def _frame(spark: SparkSession, runs: Sequence[Run]) -> DataFrame:
    schema = ", ".join(f"{column.name} {column.type}" for column in RUNS)
    return frame_of(spark, [vars(run) for run in runs], [column.name for column in RUNS], schema)


def _run(values: dict[str, Any]) -> Run:
    times = {name: datetime.fromisoformat(values[name]) for name in _TIMES if values[name]}
    return Run(**(values | times))


def _unrecorded(spark: SparkSession, lake: Lake, runs: list[Run]) -> list[Run]:
    """Return the runs that are not in the table yet."""
    if not runs:
        return []
    batches = sorted({run.batch for run in runs})
    existing = spark.table(lake.runs).where(sf.col("batch").isin(batches)).select("stage", "batch").collect()
    known = {(row["stage"], row["batch"]) for row in existing}
    return [run for run in runs if (run.stage, run.batch) not in known]
