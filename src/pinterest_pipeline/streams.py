"""What every streaming query of the pipeline shares: its name for itself, exactly-once appends, retries, its end."""

import re
import time
from collections.abc import Callable, Iterable

from pyspark.errors import PySparkException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.errors import StageError

BatchWriter = Callable[[DataFrame, int], None]
"""What `foreachBatch` calls: the batch's rows and its number."""

_CONFLICT = re.compile(r"\[DELTA_(CONCURRENT_\w+|METADATA_CHANGED|PROTOCOL_CHANGED)\b")
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.5


def query_id(spark: SparkSession, checkpoint: str) -> str:
    """Return the id that Spark gave the query when it made this checkpoint.

    A deleted checkpoint makes a new id. Whatever is remembered under the id (Delta's transactions, batch names)
    therefore never hides the rows of a query that starts over.

    Args:
        spark: The session.
        checkpoint: The query's checkpoint folder.

    Returns:
        A UUID.
    """
    metadata = spark.read.schema("id STRING").json(f"{checkpoint}/metadata").first()
    if metadata is None:
        raise StageError(
            f"expected a query's metadata in the checkpoint {checkpoint}, found none; is it being deleted?"
        )
    return str(metadata["id"])


def batch_name(number: int, query: str) -> str:
    """Name a batch for the rows that it writes.

    The number comes first: Delta keeps 32 characters of a text in its statistics, and only what differs there lets it
    skip the files of other batches.

    Args:
        number: The batch's number.
        query: Whose batch it is.
    """
    return f"{number:010d}/{query}"


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


def retry_on_conflict(commit: Callable[[], None]) -> None:
    """Run a commit again while another writer of the same table is quicker.

    Args:
        commit: Reads the table anew and commits; safe to run again.

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
            time.sleep(_FIRST_WAIT_SECONDS * 2**attempt)
    return commit()


def run_to_end(starts: Iterable[Callable[[], StreamingQuery]]) -> None:
    """Start queries and wait until every one has done what was there when it started.

    Args:
        starts: Each starts a query with an `availableNow` trigger.

    Raises:
        StageError: A query could not start or failed; the others are stopped first, and all of them resume from their
            checkpoints.
    """
    started: list[StreamingQuery] = []
    try:
        started.extend(start() for start in starts)
        for query in started:
            query.awaitTermination()
    except PySparkException as error:
        raise StageError(
            f"a streaming query failed and resumes when it is started again: {_first_line(error)}"
        ) from error
    finally:
        for query in started:
            if query.isActive:
                query.stop()


def _first_line(error: PySparkException) -> str:
    return str(error).strip().partition("\n")[0]
