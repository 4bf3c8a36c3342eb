"""Reads the records of the Kinesis streams, each with its position in its stream.

On Databricks the source `kinesis` is the runtime's own. Other sessions register a source of that name, with the same
options and columns; this module works with both.
"""

from dataclasses import dataclass

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import Entity, Names
from pinterest_pipeline.lake.tables import Origin

NO_TEXT = "no UTF-8, as base64: "
"""Prefix of a payload whose bytes are not text. It is not JSON, so refine rejects the record and quotes the prefix."""

_SEQUENCE_DIGITS = 56  # the maximum of a sequence number; with equal width they compare as texts


@dataclass(frozen=True)
class Streams:
    """The streams of one deployment and how to connect to them; an empty text means the source's default.

    Keys are not part of it: options of a query appear in its plan and its logs.

    Attributes:
        names: The deployment's streams.
        region: Their AWS region; by default the one that Spark runs in.
        service_credential: Name of the Unity Catalog service credential that may read them.
        role_arn: IAM role to assume.
        endpoint: URL of an emulator.
        initial_position: Where a query without a checkpoint starts. With `latest`, records sent before its first start
            would be lost.
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


def stream_records(spark: SparkSession, streams: Streams, entity: Entity) -> DataFrame:
    """Return the records of one stream, as a streaming frame with every column of a raw table but `batch_id`.

    Args:
        spark: The session.
        streams: The streams.
        entity: The records' entity.
    """
    loaded = spark.readStream.format("kinesis").options(**streams.options(entity)).load()
    records = loaded.select(
        _text(sf.col("data")).alias("payload"),
        sf.lit(Origin.KINESIS).alias("origin"),
        sf.concat_ws("/", "stream", "shardId", sf.lpad("sequenceNumber", _SEQUENCE_DIGITS, "0")).alias("position"),
        sf.col("approximateArrivalTimestamp").alias("arrived_at"),
    )
    # On Spark Connect errors are raised only when the schema is requested.
    _ = records.schema
    return records


def _text(data: Column) -> Column:
    """Decode bytes as UTF-8, and encode invalid ones in base64.

    A cast accepts any bytes as text. Invalid UTF-8 would be passed on, fail on display, or have its invalid bytes
    replaced silently and be accepted as clean.
    """
    text = data.cast("STRING")
    is_text = sf.is_valid_utf8(text) & (text.cast("BINARY") == data)
    return sf.when(is_text, text).otherwise(sf.concat(sf.lit(NO_TEXT), sf.base64(data)))
