"""The stream half as one: from Kinesis to raw, and from raw to clean and quarantine."""

from threading import Event

from pyspark.sql import SparkSession

from pinterest_pipeline.ingest.kinesis import Streams, ingest_kinesis, ingest_queries
from pinterest_pipeline.refine import refine, refine_queries
from pinterest_pipeline.streams import Trigger, run_until_stopped
from pinterest_pipeline.tables import Lake, Origin


def catch_up(spark: SparkSession, lake: Lake, streams: Streams, checkpoints: str) -> None:
    """Bring what is in the streams now to clean or quarantine, and end.

    Args:
        spark: The session.
        lake: Where the tables are.
        streams: What to read.
        checkpoints: The folder with a checkpoint folder for each query.

    Raises:
        StageError: A query failed; it resumes where it stopped when it is started again.
    """
    ingest_kinesis(spark, lake, streams, checkpoints)
    refine(spark, lake, checkpoints, Origin.KINESIS)


def follow(
    spark: SparkSession,
    lake: Lake,
    streams: Streams,
    checkpoints: str,
    interval_seconds: float,
    stop: Event | None = None,
) -> None:
    """Bring what comes to clean or quarantine as it comes; returns when it is stopped.

    All queries run side by side, so that refine takes one batch up while ingest brings the next.

    Args:
        spark: The session.
        lake: Where the tables are.
        streams: What to read.
        checkpoints: The folder with a checkpoint folder for each query.
        interval_seconds: Time between two batches of a query. A shorter one makes rows appear sooner, and makes more
            and smaller files.
        stop: Set by another thread to end all queries.

    Raises:
        StageError: A query failed, and the others were stopped; all resume where they stopped when they are started
            again.
    """
    trigger = Trigger(interval_seconds)
    queries = (
        *ingest_queries(spark, lake, streams, checkpoints, trigger),
        *refine_queries(spark, lake, checkpoints, Origin.KINESIS, trigger),
    )
    run_until_stopped(queries, stop or Event())
