"""A Spark data source named `kinesis`, for Spark outside Databricks; it stands alone, see docs/kinesis-source.md."""

from pinterest_pipeline.kinesis_source.metrics import Meter, Progress, ShardProgress
from pinterest_pipeline.kinesis_source.source import KinesisDataSource, metered

__all__ = ["KinesisDataSource", "Meter", "Progress", "ShardProgress", "metered"]
