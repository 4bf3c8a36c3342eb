"""Shared by all streaming queries of the pipeline: start, exactly-once appends, retries, termination."""

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
from pinterest_pipeline.lake.checkpoints import Batch, interrupted_batch, query_id, visible_folder

BatchWriter = Callable[[DataFrame, Batch], None]
"""Writes the rows of one batch; safe to run again for the same batch."""

Start = Callable[[], StreamingQuery]
"""Starts one query."""

Outcome = TypeVar("Outcome")

_CONFLICT = re.compile(r"\[DELTA_(CONCURRENT_\w+|METADATA_CHANGED|PROTOCOL_CHANGED)\b")
_AFTER_TRACEBACK = re.compile(r"\s+SQLSTATE: |\n\tat |\n=== Streaming Query ===")
_ATTEMPTS = 10
_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.5
_LAST_BATCH_SECONDS = 20
_UPKEEP_SECONDS = 60


@dataclass(frozen=True)
class Trigger:
    """When a query starts its batches.

    Attributes:
        interval_seconds: Time between two batches of a query that runs until it is stopped; None processes the
            existing data, in as many batches as needed, and then ends the query.
    """

    interval_seconds: float | None = None


AVAILABLE_NOW = Trigger()


def start_query(rows: DataFrame, name: str, checkpoint: str, trigger: Trigger, write: BatchWriter) -> StreamingQuery:
    """Start a query that passes its batches to a writer.

    Args:
        rows: A streaming frame.
        name: The query's name, unique in the session.
        checkpoint: The query's own checkpoint folder.
        trigger: When it starts its batches.
        write: Writes one batch.

    Raises:
        StageError: Python cannot access the checkpoint's files.
    """
    place = visible_folder(checkpoint)
    interrupted = interrupted_batch(place)

    def write_batch(batch_rows: DataFrame, number: int) -> None:
        write(batch_rows, Batch(query_id(place), number, repeated=number == interrupted))

    writer = rows.writeStream.queryName(name).option("checkpointLocation", checkpoint).foreachBatch(write_batch)
    if trigger.interval_seconds is None:
        return writer.trigger(availableNow=True).start()
    return writer.trigger(processingTime=f"{round(trigger.interval_seconds * 1000)} milliseconds").start()


def append_once(rows: DataFrame, table: str, application: str, version: int) -> None:
    """Append rows to a Delta table; a second call with the same application and version adds nothing.

    Args:
        rows: The rows.
        table: The table's full name.
        application: The name of the appending application.
        version: The number of the append, increasing.
    """
    (
        rows.write.format("delta")
        .mode("append")
        .option("txnAppId", application)
        .option("txnVersion", version)
        .saveAsTable(table)
    )


def retry_on_conflict(commit: Callable[[], Outcome]) -> Outcome:
    """Retry a commit while it conflicts with other writers of the same table.

    Args:
        commit: Reads the table again and commits; safe to repeat.

    Returns:
        The result of the successful commit.

    Raises:
        Exception: The commit's own error, if it is not a conflict or the last attempt conflicts too.
    """
    for attempt in range(_ATTEMPTS - 1):
        try:
            return commit()
        # A conflict has no exception type: classic Spark raises a Java error, Spark Connect a remote one.
        except Exception as error:
            if not _CONFLICT.search(str(error)):
                raise
            time.sleep(min(_FIRST_WAIT_SECONDS * 2**attempt, _LONGEST_WAIT_SECONDS))
    return commit()


def run_to_end(starts: Iterable[Start]) -> None:
    """Start queries and wait until each has processed the data that existed when it started.

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
    """Start queries and keep them running together until one of them ends or `stop` is set.

    When one has ended the others must not continue alone: its rows would pile up unnoticed.

    Args:
        starts: Each starts a query with an interval for its trigger.
        stop: Set by another thread to end all queries. A running batch may finish if it does so soon; otherwise it is
            interrupted, and repeated at the next start.
        upkeep: Called once a minute while they run.

    Raises:
        StageError: A query could not start or failed; the others are stopped first, and all of them resume from their
            checkpoints.
    """
    with _running(start for start in starts if not stop.is_set()) as queries:
        due = time.monotonic() + _UPKEEP_SECONDS
        while all(query.isActive for query in queries) and not stop.wait(_POLL_SECONDS):
            if time.monotonic() >= due:
                upkeep()
                due = time.monotonic() + _UPKEEP_SECONDS
        for query in queries:
            if not query.isActive:
                _await_end(query)


@contextmanager
def _running(starts: Iterable[Start]) -> Iterator[list[StreamingQuery]]:
    """Start queries, and stop all of them at the end of the block."""
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
    """Stop queries, each after its batch if that ends soon: an interrupted batch fills the log with errors."""
    deadline = time.monotonic() + _LAST_BATCH_SECONDS
    while active := [query for query in queries if query.isActive]:
        for query in active:
            if not query.status["isTriggerActive"] or time.monotonic() > deadline:
                query.stop()
        time.sleep(_POLL_SECONDS / 10)


def _cause(error: PySparkException) -> str:
    """Return the cause in one line: the Python exception, if Spark wraps a whole traceback."""
    first, _, rest = str(error).strip().partition("\n")
    if not first.endswith("Traceback (most recent call last):"):
        return first
    # The lines of a traceback are indented; the exception follows the last of them.
    raised: list[str] = []
    for line in _AFTER_TRACEBACK.split(rest)[0].splitlines():
        raised = [] if line.startswith("  ") else [*raised, line.strip()]
    return " ".join(raised)
