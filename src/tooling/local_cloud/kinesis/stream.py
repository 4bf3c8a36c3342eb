"""A stream's shards: moto's own lose records of concurrent writers and write to closed shards.

Here a stream has one lock, and records go to open shards only. Names, settings and descriptions stay moto's.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from threading import RLock
from typing import cast

from moto.kinesis.exceptions import InvalidArgumentError
from moto.kinesis.models import Stream

from tooling.local_cloud.kinesis.shard import MAX_PAGE_RECORDS, NewRecord, OrderedShard, Page, Position, now

_HASHES = 2**128
_SHARDS = 10**9


class OrderedStream(Stream):
    """A stream that loses no record of concurrent writers, and whose closed shards stay closed."""

    def init_shards(self, shard_count: int) -> None:
        """Create the first shards; called while the stream is created."""
        self._lock = RLock()
        # 56 digits, the last of them the shard's number: as on AWS, a sequence number identifies its shard. A
        # stream created again under the same name continues above the old numbers.
        self._sequence = int(f"49{round(self.creation_datetime.timestamp() * 1000):014}{0:040}")
        self._starts: list[int] = []
        self._routes: list[OrderedShard] = []
        bounds = [_HASHES * index // shard_count for index in range(shard_count + 1)]
        for first, after in pairwise(bounds):
            self._add((first, after - 1))
        self._reroute()

    def is_created(self) -> bool:
        """Return that it exists; moto asks this of every resource of CloudFormation."""
        return True

    @property
    def open_shards(self) -> int:
        """The number of open shards."""
        return len(self._routes)

    def shard(self, shard_id: str) -> OrderedShard:
        """Return a shard.

        Raises:
            ShardNotFoundError: There is no such shard.
        """
        # No other kind is created.
        return cast("OrderedShard", self.get_shard(shard_id))

    def shards_after(self, shard_id: str = "") -> list[OrderedShard]:
        """Return the shards with ids after this one, closed ones too, in order."""
        with self._lock:
            return [self.shard(other) for other in sorted(self.shards) if other > shard_id]

    def count(self) -> int:
        """Return the number of records in all shards."""
        return sum(shard.count() for shard in self.shards_after())

    def append(self, records: Sequence[NewRecord]) -> list[tuple[int, str]]:
        """Append records in this order; return the sequence number and the shard of each."""
        with self._lock:
            return [self._append(record) for record in records]

    def page(self, position: Position, limit: int = MAX_PAGE_RECORDS) -> Page:
        """Return the records after a position.

        Raises:
            InvalidArgumentError: The position is of another stream.
            ShardNotFoundError: There is no such shard.
        """
        with self._lock:
            shard = self.shard(position.shard)
            self._check(shard, position.sequence)
            return shard.page(position.sequence, limit)

    def position(self, shard_id: str, kind: str, sequence: int = 0, moment: float = 0) -> Position:
        """Return the position of a shard iterator request.

        Args:
            shard_id: The shard.
            kind: TRIM_HORIZON, LATEST, AT_SEQUENCE_NUMBER, AFTER_SEQUENCE_NUMBER or AT_TIMESTAMP.
            sequence: The number, for a kind that needs one.
            moment: The time in seconds since 1970, for a kind that needs one.

        Raises:
            InvalidArgumentError: The number or time is invalid for this shard.
            ShardNotFoundError: There is no such shard.
        """
        with self._lock:
            shard = self.shard(shard_id)
            begins: dict[str, Callable[[], int]] = {
                "TRIM_HORIZON": lambda: shard.start,
                "LATEST": shard.get_max_sequence_number,
                "AT_SEQUENCE_NUMBER": lambda: max(shard.start, self._check_own(shard, sequence) - 1),
                "AFTER_SEQUENCE_NUMBER": lambda: self._check_own(shard, sequence),
                "AT_TIMESTAMP": lambda: shard.before(_past(moment)),
            }
            return Position(self.stream_name, shard_id, begins[kind]())

    def split_shard(self, shard_to_split: str, new_starting_hash_key: str) -> None:
        """Split a shard: close it and open two with its range, the second from this hash key on.

        Raises:
            InvalidArgumentError: It is closed already, or the hash key is outside its range.
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
            shard.close(self._next(shard.number))
            self._add((first, middle - 1), [shard_to_split])
            self._add((middle, last), [shard_to_split])
            self._reroute()

    def merge_shards(self, shard_to_merge: str, adjacent_shard_to_merge: str) -> None:
        """Merge two adjacent shards: close them and open one with their ranges.

        Raises:
            InvalidArgumentError: One is closed already, or they are not adjacent.
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
                shard.close(self._next(shard.number))
            self._add((low.starting_hash, high.ending_hash), [shard_to_merge, adjacent_shard_to_merge])
            self._reroute()

    def update_shard_count(self, target_shard_count: int) -> None:
        """Split and merge until the target number of shards is open.

        Raises:
            InvalidArgumentError: The target is more than twice or less than half of the open shards.
        """
        with self._lock:
            shards = len(self._routes)
            if not shards <= 2 * target_shard_count <= 4 * shards:
                raise InvalidArgumentError(
                    f"UpdateShardCount cannot go from {shards} open shards in stream {self.stream_name} to "
                    f"{target_shard_count}: at most to twice as many, at least to half"
                )
            super().update_shard_count(target_shard_count)

    def children(self, shard_id: str) -> list[OrderedShard]:
        """Return the shards that a shard was split or merged into."""
        return [shard for shard in self.shards_after() if shard_id in {shard.parent, shard.adjacent_parent}]

    def _append(self, record: NewRecord) -> tuple[int, str]:
        shard = self._routes[bisect_right(self._starts, record.hash()) - 1]
        sequence = self._next(shard.number)
        shard.append(record, sequence)
        return sequence, shard.shard_id

    def _next(self, shard: int) -> int:
        self._sequence = (self._sequence // _SHARDS + 1) * _SHARDS + shard
        return self._sequence

    def _add(self, hashes: tuple[int, int], parents: Sequence[str] = ()) -> None:
        number = len(self.shards)
        shard = OrderedShard(number, hashes, self._next(number), parents)
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

    def _check_own(self, shard: OrderedShard, sequence: int) -> int:
        number = sequence % _SHARDS
        if number == shard.number:
            return self._check(shard, sequence)
        raise InvalidArgumentError(
            f"Invalid StartingSequenceNumber. It encodes shardId-{number:012}, while it was used in a call to a shard "
            f"with {shard.shard_id}"
        )

    def _check(self, shard: OrderedShard, sequence: int) -> int:
        if shard.start <= sequence <= self._sequence:
            return sequence
        raise InvalidArgumentError(
            f"StartingSequenceNumber {sequence} used in GetShardIterator on shard {shard.shard_id} in stream "
            f"{self.stream_name} under account {self.account_id} is invalid because it did not come from this stream."
        )


def _past(moment: float) -> int:
    # JSON allows numbers of seconds that do not fit into milliseconds.
    wanted, newest = round(min(max(moment, 0), 2**53) * 1000), now()
    if wanted <= newest:
        return wanted
    raise InvalidArgumentError(
        "The timestampInMillis parameter cannot be greater than the currentTimestampInMillis. "
        f"timestampInMillis: {wanted}, currentTimestampInMillis: {newest}"
    )
