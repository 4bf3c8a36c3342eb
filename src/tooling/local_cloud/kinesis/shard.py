"""A shard's records: put at the end, found by bisection, read page by page, and closed for good."""

import base64
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from itertools import accumulate

from moto.kinesis.exceptions import InvalidArgumentError
from moto.kinesis.models import Shard

MAX_PAGE_RECORDS = 10_000
"""GetRecords answers at most so many records."""

MAX_PAGE_BYTES = 10 * 2**20
"""GetRecords answers at most so many bytes of data and partition keys, but always one record."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record on its way into a stream.

    Attributes:
        partition_key: Decides on the shard.
        data: Base64 text.
        size: Bytes of the data and the partition key.
        hash_key: Decides on the shard instead of the partition key, where it is given.
    """

    partition_key: str
    data: str
    size: int
    hash_key: int | None = None

    def hash(self) -> int:
        """Return where in the range of all hash keys it belongs."""
        if self.hash_key is not None:
            return self.hash_key
        return int.from_bytes(md5(self.partition_key.encode(), usedforsecurity=False).digest())


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record in a shard.

    Attributes:
        sequence: Its sequence number.
        arrived: Milliseconds since 1970.
        size: Bytes of its data and partition key.
        answer: The JSON text that GetRecords gives of it.
    """

    sequence: int
    arrived: int
    size: int
    answer: str


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a shard: behind the record of this sequence number. A shard iterator is this, written down."""

    stream: str
    shard: str
    sequence: int

    def __str__(self) -> str:
        """Return the shard iterator."""
        return base64.urlsafe_b64encode(f"{self.stream}:{self.shard}:{self.sequence}".encode()).decode()

    @classmethod
    def read(cls, iterator: str) -> "Position":
        """Return what a shard iterator stands for.

        Raises:
            InvalidArgumentError: Nobody wrote it here.
        """
        try:
            stream, shard, sequence = base64.urlsafe_b64decode(iterator).decode().split(":")
            return cls(stream, shard, int(sequence))
        except ValueError as error:
            raise InvalidArgumentError("Invalid ShardIterator.") from error


@dataclass(frozen=True)
class Page:
    """What one GetRecords finds.

    Attributes:
        records: The records, in order.
        sequence: The next page's position; None at the end of a closed shard.
        behind: Milliseconds since the last of them arrived; 0 where the shard has no more.
    """

    records: Sequence[StoredRecord]
    sequence: int | None
    behind: int


class OrderedShard(Shard):
    """A shard whose records are in the order of their sequence numbers and of their arrival.

    Args:
        number: Its number in the stream.
        hashes: The first and last hash key whose records it takes.
        start: A sequence number below all of its records'.
        parents: The shards it was made of: none, the one that was split, or the two that were merged.
    """

    def __init__(self, number: int, hashes: tuple[int, int], start: int, parents: Sequence[str] = ()) -> None:
        """Make it, open and empty."""
        super().__init__(number, *hashes, *parents)
        self.number = number
        self.start = start
        self._end: int | None = None
        self._log: list[StoredRecord] = []

    def count(self) -> int:
        """Return the number of its records."""
        return len(self._log)

    def append(self, record: NewRecord, sequence: int) -> None:
        """Keep a record behind all others."""
        # A clock that was set back must not put times out of order: they are searched too.
        arrived = max(now(), self._log[-1].arrived if self._log else 0)
        answer = (
            f'{{"Data":"{record.data}","PartitionKey":{json.dumps(record.partition_key)},'
            f'"SequenceNumber":"{sequence}","ApproximateArrivalTimestamp":{arrived / 1000:.3f}}}'
        )
        self._log.append(StoredRecord(sequence, arrived, record.size, answer))

    def close(self, end: int) -> None:
        """Take no more records; this sequence number is above all of its own."""
        self.is_open = False
        self._end = end

    def page(self, sequence: int, limit: int) -> Page:
        """Return the records behind a sequence number.

        Args:
            sequence: Where the page before ended.
            limit: Records at most.
        """
        first = bisect_right(self._log, sequence, key=lambda record: record.sequence)
        records = self._log[first : first + limit]
        sizes = accumulate(record.size for record in records)
        records = records[: max(1, bisect_right(list(sizes), MAX_PAGE_BYTES))]
        last = records[-1].sequence if records else sequence
        if first + len(records) < len(self._log):
            return Page(records, last, max(1, now() - records[-1].arrived))
        return Page(records, last if self.is_open else None, 0)

    def before(self, moment: int) -> int:
        """Return the position from which reading begins at the first record that arrived then or later."""
        index = bisect_left(self._log, moment, key=lambda record: record.arrived)
        return self._log[index - 1].sequence if index else self.start

    def get_min_sequence_number(self) -> int:
        """Return the number that its description begins with."""
        return self.start

    def get_max_sequence_number(self) -> int:
        """Return the number that nothing in it is above, so far; for a closed shard its description ends with it."""
        if self._end is not None:
            return self._end
        return self._log[-1].sequence if self._log else self.start


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
