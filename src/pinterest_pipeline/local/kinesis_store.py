"""Where the emulated Kinesis keeps its records: moto's streams and shards, corrected.

moto's own lose records when several write at once, write on to shards that are closed, and search a shard from its
beginning. Here each stream has one lock, records go to open shards only, a closed shard ends, and what is looked for is
found by bisection. All names of streams, their settings and their answers to DescribeStream stay moto's.
"""

import base64
import json
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import md5
from itertools import accumulate, pairwise
from threading import RLock
from typing import cast

from moto.kinesis.exceptions import InvalidArgumentError
from moto.kinesis.models import Shard, Stream

MOST_IN_A_PAGE = 10_000
"""GetRecords answers at most so many records."""

MOST_PAGE_BYTES = 10 * 2**20
"""GetRecords answers at most so many bytes of data and partition keys, but always one record."""

_HASHES = 2**128


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
        self.start = start
        self._end: int | None = None
        self._log: list[StoredRecord] = []

    def __len__(self) -> int:
        """Return the number of its records."""
        return len(self._log)

    def append(self, record: NewRecord, sequence: int) -> None:
        """Keep a record behind all others."""
        # A clock that was set back must not put times out of order: they are searched too.
        arrived = max(_now(), self._log[-1].arrived if self._log else 0)
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
        records = records[: max(1, bisect_right(list(sizes), MOST_PAGE_BYTES))]
        last = records[-1].sequence if records else sequence
        if first + len(records) < len(self._log):
            return Page(records, last, max(1, _now() - records[-1].arrived))
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


class OrderedStream(Stream):
    """A stream that loses nothing, whoever writes at once, and whose closed shards stay closed."""

    def init_shards(self, shard_count: int) -> None:
        """Make the first shards; called while the stream is made."""
        self._lock = RLock()
        # 56 digits, as on AWS. A stream that is made again under the same name goes on above the one before.
        self._sequence = int(f"49{round(self.creation_datetime.timestamp() * 1000):014}{0:040}")
        self._starts: list[int] = []
        self._routes: list[OrderedShard] = []
        bounds = [_HASHES * index // shard_count for index in range(shard_count + 1)]
        for first, after in pairwise(bounds):
            self._add((first, after - 1))
        self._reroute()

    def is_created(self) -> bool:
        """Say that it is there; moto asks every resource that CloudFormation could make."""
        return True

    def shard(self, shard_id: str) -> OrderedShard:
        """Return a shard.

        Raises:
            ShardNotFoundError: There is no such shard.
        """
        # No other kind is ever made.
        return cast("OrderedShard", self.get_shard(shard_id))

    def shards_after(self, shard_id: str = "") -> list[OrderedShard]:
        """Return the shards whose ids come after this one, closed ones too, in order."""
        return [self.shard(other) for other in sorted(self.shards) if other > shard_id]

    def count(self) -> int:
        """Return the number of records in all shards."""
        return sum(map(len, self.shards_after()))

    def append(self, records: Sequence[NewRecord]) -> list[tuple[int, str]]:
        """Keep records in this order; return the sequence number and the shard of each."""
        with self._lock:
            return [self._append(record) for record in records]

    def page(self, position: Position, limit: int = MOST_IN_A_PAGE) -> Page:
        """Return the records behind a position.

        Raises:
            InvalidArgumentError: The position is not of this stream.
            ShardNotFoundError: Its shard is not.
        """
        with self._lock:
            shard = self.shard(position.shard)
            self._check(shard, position.sequence)
            return shard.page(position.sequence, limit)

    def position(self, shard_id: str, kind: str, sequence: int = 0, moment: float = 0) -> Position:
        """Return where reading begins.

        Args:
            shard_id: The shard.
            kind: TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER or AT_TIMESTAMP.
            sequence: The number, where one is asked for.
            moment: The time in seconds since 1970, where one is asked for.

        Raises:
            InvalidArgumentError: The kind is another one, or the number or time cannot be in this shard.
            ShardNotFoundError: There is no such shard.
        """
        with self._lock:
            shard = self.shard(shard_id)
            begins: dict[str, Callable[[], int]] = {
                "TRIM_HORIZON": lambda: shard.start,
                "LATEST": shard.get_max_sequence_number,
                "AT_SEQUENCE_NUMBER": lambda: max(shard.start, self._check(shard, sequence) - 1),
                "AFTER_SEQUENCE_NUMBER": lambda: self._check(shard, sequence),
                "AT_TIMESTAMP": lambda: shard.before(_past(moment)),
            }
            if kind not in begins:
                raise InvalidArgumentError(f"Invalid ShardIteratorType: {kind}")
            return Position(self.stream_name, shard_id, begins[kind]())

    def split_shard(self, shard_to_split: str, new_starting_hash_key: str) -> None:
        """Close a shard; two others take what it took, from this hash key on the second.

        Raises:
            InvalidArgumentError: It is closed already, or the hash key is not inside it.
        """
        middle = int(new_starting_hash_key)
        with self._lock:
            shard = self._open(shard_to_split)
            first, last = shard.starting_hash, shard.ending_hash
            if not first < middle <= last:
                raise InvalidArgumentError(
                    f"NewStartingHashKey {middle} used in SplitShard() on shard {shard_to_split} in stream "
                    f"{self.stream_name} under account {self.account_id} is not both greater than one plus the "
                    f"shard's StartingHashKey {first} and less than the shard's EndingHashKey {last}."
                )
            shard.close(self._next())
            self._add((first, middle - 1), [shard_to_split])
            self._add((middle, last), [shard_to_split])
            self._reroute()

    def merge_shards(self, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        """Close two neighbours; one other takes what they took.

        Raises:
            InvalidArgumentError: One is closed already, or they are no neighbours.
        """
        with self._lock:
            pair = [self._open(shard_to_merge), self._open(adjacent_shard_to_merge)]
            low, high = sorted(pair, key=lambda shard: shard.starting_hash)
            if low.ending_hash + 1 != high.starting_hash:
                raise InvalidArgumentError(
                    f"Shards {shard_to_merge} and {adjacent_shard_to_merge} in stream {self.stream_name} under account "
                    f"{self.account_id} are not an adjacent pair of shards eligible for merging"
                )
            for shard in pair:
                shard.close(self._next())
            self._add((low.starting_hash, high.ending_hash), [shard_to_merge, adjacent_shard_to_merge])
            self._reroute()

    def update_shard_count(self, target_shard_count: int) -> None:
        """Split and merge until there are so many open shards."""
        with self._lock:
            super().update_shard_count(target_shard_count)

    def children(self, shard_id: str) -> list[OrderedShard]:
        """Return the shards that a shard was split or merged into."""
        return [shard for shard in self.shards_after() if shard_id in {shard.parent, shard.adjacent_parent}]

    def _append(self, record: NewRecord) -> tuple[int, str]:
        shard = self._routes[bisect_right(self._starts, record.hash()) - 1]
        sequence = self._next()
        shard.append(record, sequence)
        return sequence, shard.shard_id

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _add(self, hashes: tuple[int, int], parents: Sequence[str] = ()) -> None:
        shard = OrderedShard(len(self.shards), hashes, self._next(), parents)
        self.shards[shard.shard_id] = shard

    def _reroute(self) -> None:
        shards = (shard for shard in self.shards_after() if shard.is_open)
        self._routes = sorted(shards, key=lambda shard: shard.starting_hash)
        self._starts = [shard.starting_hash for shard in self._routes]
        self.shard_count = len(self._routes)

    def _open(self, shard_id: str) -> OrderedShard:
        shard = self.shard(shard_id)
        if shard.is_open:
            return shard
        raise InvalidArgumentError(
            f"Shard {shard_id} in stream {self.stream_name} under account {self.account_id} has already been merged or "
            "split, and thus is not eligible for merging or splitting."
        )

    def _check(self, shard: OrderedShard, sequence: int) -> int:
        if shard.start <= sequence <= self._sequence:
            return sequence
        raise InvalidArgumentError(
            f"StartingSequenceNumber {sequence} used in GetShardIterator on shard {shard.shard_id} in stream "
            f"{self.stream_name} under account {self.account_id} is invalid because it did not come from this stream."
        )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _past(moment: float) -> int:
    wanted, now = round(moment * 1000), _now()
    if wanted <= now:
        return wanted
    raise InvalidArgumentError(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
        f"timestampInMillis: {wanted}, currentTimestampInMillis: {now}"
    )
