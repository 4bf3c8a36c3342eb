"""Progress of tasks in each shard."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardProgress:
    """What tasks read from one shard.

    Attributes:
        stream: The stream's name.
        shard: The shard's id.
        records: The number of records, each counted once unless a task was retried.
        bytes: The size of their data.
        millis_behind_latest: Kinesis' MillisBehindLatest at the end of reading.
    """

    stream: str
    shard: str
    records: int
    bytes: int
    millis_behind_latest: int


Progress = dict[tuple[str, str], ShardProgress]
"""Progress by stream and shard."""
