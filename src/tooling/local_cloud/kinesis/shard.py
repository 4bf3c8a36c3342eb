"""A shard: records are appended, found by bisection and read by pages; a closed shard stays closed."""

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
"""Maximum records of a GetRecords response."""

MAX_PAGE_BYTES = 10 * 2**20
"""Maximum bytes of data and partition keys of a GetRecords response, which has at least one record."""


@dataclass(frozen=True, slots=True)
class NewRecord:
    """A record to put into a stream.

    Attributes:
        partition_key: Determines the shard.
        data: Base64 text.
        size: Bytes of the data and the partition key.
        hash_key: Determines the shard in place of the partition key, if given.
    """

    partition_key: str
    data: str
    size: int
    hash_key: int | None = None

    def hash(self) -> int:
        """Return its hash key."""
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
        answer: Its JSON text in GetRecords.
    """

    sequence: int
    arrived: int
    size: int
    answer: str


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a shard, after the record of this sequence number; its text is the shard iterator."""

    stream: str
    shard: str
    sequence: int

    def __str__(self) -> str:
        """Return the shard iterator."""
        return base64.urlsafe_b64encode(f"{self.stream}:{self.shard}:{self.sequence}".encode()).decode()

    @classmethod
    def read(cls, iterator: str) -> "Position":
        """Parse a shard iterator.

        Raises:
            InvalidArgumentError: It is not one of this emulator.
        """
        try:
            stream, shard, sequence = base64.urlsafe_b64decode(iterator).decode().split(":")
            return cls(stream, shard, int(sequence))
        except ValueError as error:
            raise InvalidArgumentError("Invalid ShardIterator.") from error


@dataclass(frozen=True)
class Page:
    """The result of one GetRecords.

    Attributes:
        records: The records, in order.
        sequence: The next page's position; None at the end of a closed shard.
        behind: The lag, MillisBehindLatest: since the last of them arrived; 0 at the end of the shard.
    """

    records: Sequence[StoredRecord]
    sequence: int | None
    behind: int


class OrderedShard(Shard):
    """A shard whose records are in the order of their sequence numbers and of their arrival.

    Args:
        number: Its number in the stream.
        hashes: The first and last hash key of its range.
        start: A sequence number below all of its records'.
        parents: Its parents: none, the shard that was split, or the two that were merged.
    """

    def __init__(self, number: int, hashes: tuple[int, int], start: int, parents: Sequence[str] = ()) -> None:
        """Create it, open and empty."""
        super().__init__(number, *hashes, *parents)
        self.number = number
        self.start = start
        self._end: int | None = None
        self._log: list[StoredRecord] = []

    def count(self) -> int:
        """Return the number of its records."""
        return len(self._log)

    def append(self, record: NewRecord, sequence: int) -> None:
        """Append a record."""
        # A clock that was set back must not disorder the arrival times, which are searched too.
        arrived = max(now(), self._log[-1].arrived if self._log else 0)
        answer = (
            f'{{"Data":"{record.data}","PartitionKey":{json.dumps(record.partition_key)},'
            f'"SequenceNumber":"{sequence}","ApproximateArrivalTimestamp":{arrived / 1000:.3f}}}'
        )
        self._log.append(StoredRecord(sequence, arrived, record.size, answer))

    def close(self, end: int) -> None:
        """Close the shard; this sequence number is above those of all its records."""
        self.is_open = False
        self._end = end

    def page(self, sequence: int, limit: int) -> Page:
        """Return the records after a sequence number.

        Args:
            sequence: The end of the page before.
            limit: Maximum number of records.
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
        """Return the position before the first record that arrived then or later."""
        index = bisect_left(self._log, moment, key=lambda record: record.arrived)
        return self._log[index - 1].sequence if index else self.start

    def get_min_sequence_number(self) -> int:
        """Return the starting sequence number of its description."""
        return self.start

    def get_max_sequence_number(self) -> int:
        """Return its highest sequence number so far; for a closed shard, the ending one of its description."""
        if self._end is not None:
            return self._end
        return self._log[-1].sequence if self._log else self.start


def now() -> int:
    """Return the time in milliseconds since 1970."""
    return time.time_ns() // 1_000_000
