"""What every streaming query of the pipeline shares: its name for itself, exactly-once appends, retries, its end."""

import re
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Event
from typing import TypeVar

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.checkpoints import Batch, batch_cut_off, query_id, visible_folder

BatchWriter = Callable[[DataFrame, Batch], None]
"""Writes the rows of one batch; safe to run again for the same batch."""

Start = Callable[[], StreamingQuery]
"""Starts one query."""

Outcome = TypeVar("Outcome")

_CONFLICT = re.compile(r"\[DELTA_(CONCURRENT_\w+|METADATA_CHANGED|PROTOCOL_CHANGED)\b")
_BEHIND_THE_TRACEBACK = re.compile(r"\s+SQLSTATE: |\n\tat |\n=== Streaming Query ===")
_TRIES = 10
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_LOOK_SECONDS = 0.5
_LAST_BATCH_SECONDS = 20
_UPKEEP_SECONDS = 60


@dataclass(frozen=True)
class Trigger:
    """When a query takes up what is new.

    Attributes:
        interval_seconds: Time between two batches, for as long as the query runs; None takes what is there now, in as
            many batches as it needs, and then the query ends.
    """

    interval_seconds: float | None = None


AVAILABLE_NOW = Trigger()


def start_query(rows: DataFrame, name: str, checkpoint: str, trigger: Trigger, write: BatchWriter) -> StreamingQuery:
    """Start a query that hands its batches to a writer.

    Args:
        rows: A streaming frame.
        name: The query's name; a session has no two queries of one name.
        checkpoint: The query's own checkpoint folder.
        trigger: When it takes up what is new.
        write: Writes one batch.

    Raises:
        StageError: Python does not see the files of the checkpoint.
    """
    place = visible_folder(checkpoint)
    cut_off = batch_cut_off(place)

    def write_batch(batch_rows: DataFrame, number: int) -> None:
        write(batch_rows, Batch(query_id(place), number, repeated=number == cut_off))

    writer = rows.writeStream.queryName(name).option("checkpointLocation", checkpoint).foreachBatch(write_batch)
    if trigger.interval_seconds is None:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{round(trigger.interval_seconds * 1000)} milliseconds").start()


def append_once(rows: DataFrame, table: str, application: str, version: int) -> None:
    """Append rows to a Delta table; a second call with the same application and version adds nothing.

    Args:
        rows: What to append.
        table: The table's full name.
        application: Who appends.
        version: The number of the append, growing.
    """
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", application)
        .option("txnVersion", version)
        .saveAsTable(table)
    )


def retry_on_conflict(commit: Callable[[], Outcome]) -> Outcome:
    """Run a commit again while another writer of the same table is quicker.

    Args:
        commit: Reads the table anew and commits; safe to run again.

    Returns:
        What the commit that succeeded returned.

    Raises:
        Exception: What the commit raised, where it is no conflict, or lost against other writers every time.
    """
    for attempt in range(_TRIES - 1):
        try:
            return commit()
        # A conflict has no type of its own: classic Spark hands it over as a Java error, Spark Connect as a remote one.
        except Exception as error:
            if not _CONFLICT.search(str(error)):
                raise
            time.sleep(min(_FIRST_WAIT_SECONDS * 2**attempt, _LONGEST_WAIT_SECONDS))
    return commit()


def run_to_end(starts: Iterable[Start]) -> None:
    """Start queries and wait until every one has done what was there when it started.

    Args:
        starts: Each starts a query with the trigger `AVAILABLE_NOW`.

    Raises:
        StageError: A query could not start or failed; the others are stopped first, and all of them resume from their
            checkpoints.
    """
    with _running(starts) as queries:
        for query in queries:
            _await_end(query)


def run_until_stopped(starts: Iterable[Start], stop: Event, upkeep: Callable[[], None]) -> None:
    """Start queries and keep them running together until one of them ends or somebody asks for the end.

    Where one has ended the others must not go on alone: rows would pile up in front of it, and nobody would see it.

    Args:
        starts: Each starts a query with an interval for its trigger.
        stop: Set by another thread to end all queries. A batch that is under way may end if that is soon; else it is
            cut off, and done again at the next start.
        upkeep: Called once a minute while they run.

    Raises:
        StageError: A query could not start or failed; the others are stopped first, and all of them resume from their
            checkpoints.
    """
    with _running(start for start in starts if not stop.is_set()) as queries:
        due = time.monotonic() + _UPKEEP_SECONDS
        while all(query.isActive for query in queries) and not stop.wait(_LOOK_SECONDS):
            if time.monotonic() >= due:
                upkeep()
                due = time.monotonic() + _UPKEEP_SECONDS
        for query in queries:
            if not query.isActive:
                _await_end(query)


@contextmanager
def _running(starts: Iterable[Start]) -> Iterator[list[StreamingQuery]]:
    """Start queries, and leave none of them running behind the block."""
    started: list[StreamingQuery] = []
    try:
        started.extend(start() for start in starts)
        yield started
    except PySparkException as error:
        raise StageError(f"a streaming query could not start: {_cause(error)}") from error
    finally:
        _stop(started)


def _await_end(query: StreamingQuery) -> None:
    try:
        query.awaitTermination()
    except PySparkException as error:
        raise StageError(
            f"the query {query.name!r} failed and resumes when it is started again: {_cause(error)}"
        ) from error


def _stop(queries: list[StreamingQuery]) -> None:
    """Stop queries, each behind its batch if that ends soon: one that is cut off fills the log with its errors."""
    deadline = time.monotonic() + _LAST_BATCH_SECONDS
    while active := [query for query in queries if query.isActive]:
        for query in active:
            if not query.status["isTriggerActive"] or time.monotonic() > deadline:
                query.stop()
        time.sleep(_LOOK_SECONDS / 10)


def _cause(error: PySparkException) -> str:
    """Return what went wrong in one line: what Python raised, where Spark wraps its whole traceback."""
    first, _, rest = str(error).strip().partition("\n")
    if not first.endswith("Traceback (most recent call last):"):
        return first
    # The lines of a traceback are indented, and what was raised stands below the last of them.
    raised: list[str] = []
    for line in _BEHIND_THE_TRACEBACK.split(rest)[0].splitlines():
        raised = [] if line.startswith("  ") else [*raised, line.strip()]
    return " ".join(raised)
