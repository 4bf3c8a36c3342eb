"""What tasks read of each shard."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ShardProgress:
    """What tasks read of one shard.

    Attributes:
        stream: The stream's name.
        shard: The shard's id.
        records: Records, each once unless a task was tried again.
        bytes: Bytes of their data.
        millis_behind_latest: How far behind the shard's newest record reading stopped, as Kinesis said.
    """

    stream: str
    shard: str
    records: int
    bytes: int
    millis_behind_latest: int


Progress = dict[tuple[str, str], ShardProgress]
"""Progress by stream and shard."""
