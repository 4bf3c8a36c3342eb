"""A Spark data source named `kinesis`, for Spark outside Databricks; see its README.md.

The modules, from Spark's calls to Kinesis':

- `source`: the classes that Spark calls, with their `options` (`timestamps` reads times) and `metrics`.
- On the driver `planning` decides where a batch ends: `stream_planning` for each stream, `shard_planning` for each
  shard, with `backlog_search` for the end of a backlog. The result is `positions` (the checkpoint) and `ranges`
  between them, in the order that `shards` determines.
- In a task `reading` fetches ranges, at the rate of `pacing`, through `buffers`, as `arrow` batches.
- Both use `cursors` (a position in a shard) and `client`, the only module that calls Kinesis, connected by `sessions`.
"""

from importlib import import_module
from typing import TYPE_CHECKING

from spark_kinesis.errors import CheckpointError, DataLossError, KinesisSourceError, OptionError, ServiceError
from spark_kinesis.progress import Progress, ShardProgress

if TYPE_CHECKING:
    from spark_kinesis.metrics import Meter
    from spark_kinesis.source import KinesisDataSource, metered

__all__ = [
    "CheckpointError",
    "DataLossError",
    "KinesisDataSource",
    "KinesisSourceError",
    "Meter",
    "OptionError",
    "Progress",
    "ServiceError",
    "ShardProgress",
    "metered",
]

# Imported on first use: the rest of the package can be used, and tested, without Spark.
_NEED_SPARK = {"KinesisDataSource": "source", "Meter": "metrics", "metered": "source"}


def __getattr__(name: str) -> object:
    if name not in _NEED_SPARK:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_NEED_SPARK[name]}"), name)
