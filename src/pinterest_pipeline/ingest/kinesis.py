"""The records of the Kinesis streams, into the raw tables: every record once, with its place in its stream.

On Databricks the source `kinesis` is the runtime's own. A session elsewhere registers one of that name, with the same
options and columns; this module does not know which of the two answers.
"""

from dataclasses import dataclass
from functools import partial

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.ingest.raw import append_raw
from pinterest_pipeline.streams import AVAILABLE_NOW, Start, Trigger, run_to_end
from pinterest_pipeline.tables import Lake, Origin

NO_TEXT = "no UTF-8, as base64: "
"""In front of a payload whose bytes are no text. No JSON begins so, and refine turns it away with these words."""

_SEQUENCE_DIGITS = 56  # a sequence number has at most so many; of equal width, two of them compare as texts


@dataclass(frozen=True)
class Streams:
    """The streams of one deployment, and the way to them; an empty text leaves the matter to the source's default.

    Keys are no part of it: what is an option of a query ends in its plan and its logs.

    Attributes:
        names: The deployment's streams.
        region: The AWS region they are in; by default the one that Spark runs in.
        service_credential: Name of the Unity Catalog service credential that may read them.
        role_arn: IAM role to assume.
        endpoint: URL of an emulator.
        initial_position: Where a query without a checkpoint starts. With `latest` whatever was sent before its first
            start would be lost.
    """

    names: Names
    region: str = ""
    service_credential: str = ""
    role_arn: str = ""
    endpoint: str = ""
    initial_position: str = "trim_horizon"

    def options(self, entity: Entity) -> dict[str, str]:
        """Return the source's options for the stream of one entity."""
        options = {
            "streamName": self.names.stream(entity),
            "initialPosition": self.initial_position,
            "region": self.region,
            "serviceCredential": self.service_credential,
            "roleArn": self.role_arn,
            "endpoint": self.endpoint,
        }
        return {name: value for name, value in options.items() if value}


def ingest_kinesis(spark: SparkSession, lake: Lake, streams: Streams, checkpoints: str) -> None:
    """Bring every record that is in the streams now, and is new, into the raw tables.

    Args:
        spark: The session.
        lake: Where the raw tables are.
        streams: What to read.
        checkpoints: The folder with a checkpoint folder for each query.

    Raises:
        StageError: A query failed, and it resumes where it stopped when it is started again.
    """
    run_to_end(ingest_queries(spark, lake, streams, checkpoints, AVAILABLE_NOW))


def ingest_queries(
    spark: SparkSession, lake: Lake, streams: Streams, checkpoints: str, trigger: Trigger
) -> tuple[Start, ...]:
    """Return what starts the query of each stream.

    Args:
        spark: The session.
        lake: Where the raw tables are.
        streams: What to read.
        checkpoints: The folder with a checkpoint folder for each query.
        trigger: When they take up what is new.
    """
    records = {entity: _records(spark, streams.options(entity)) for entity in ENTITIES}
    return tuple(
        partial(append_raw, rows, lake, entity, Origin.KINESIS, checkpoints, trigger)
        for entity, rows in records.items()
    )


def _records(spark: SparkSession, options: dict[str, str]) -> DataFrame:
    return (
        spark.readStream.format("kinesis")
        .options(**options)
        .load()
        .select(
            _text(sf.col("data")).alias("payload"),
            sf.lit(Origin.KINESIS).alias("origin"),
            sf.concat_ws("/", "stream", "shardId", sf.lpad("sequenceNumber", _SEQUENCE_DIGITS, "0")).alias("position"),
            sf.col("approximateArrivalTimestamp").alias("arrived_at"),
        )
    )


def _text(data: Column) -> Column:
    """Read bytes as UTF-8, and show others in base64.

    A cast takes any bytes for text. What is no UTF-8 would go on as it is, fail wherever it is shown, or have its
    wrong bytes replaced unseen and pass for clean.
    """
    text = data.cast("STRING")
    is_text = sf.is_valid_utf8(text) & (text.cast("BINARY") == data)
    return sf.when(is_text, text).otherwise(sf.concat(sf.lit(NO_TEXT), sf.base64(data)))
