"""A stand-in for boto3's Kinesis client, in memory; tests set its clock, its faults and its expiry.

It counts the results of each call. Not implemented: throughput limits, and the states of a stream.
"""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from itertools import count
from typing import Any, NoReturn

from botocore.exceptions import ClientError

HOUR = 3_600_000


@dataclass
class FakeShard:
    """A shard: its records as (sequence number, arrival in ms, data), and its parents."""

    parents: tuple[str, ...] = ()
    records: list[tuple[int, int, bytes]] = field(default_factory=list)
    closed: bool = False


class FakeKinesis:
    """One stream.

    Args:
        shards: Shards at the start.
    """

    def __init__(self, shards: int = 1) -> None:
        self.now = 1_700_000_000_000
        self.created = 1_690_000_000_000
        self.kept = 24 * HOUR
        self.sequences = count(1)
        self.shards: dict[str, FakeShard] = {}
        self.faults: deque[Exception] = deque()
        self.calls: Counter[str] = Counter()
        self.given: Counter[bytes] = Counter()
        self.iterators: dict[str, tuple[str, int]] = {}
        self.empty_pages = 0
        self.iterators_are_old = False
        self.page_of_shards = 1000
        self.arns: set[object] = set()
        for _ in range(shards):
            self.add()

    def add(self, *parents: str) -> str:
        """Make a shard; close its parents."""
        for parent in parents:
            self.shards[parent].closed = True
        name = f"shardId-{len(self.shards):012}"
        self.shards[name] = FakeShard(parents)
        return name

    def put(self, shard: str, data: bytes) -> None:
        """Add a record that arrives now."""
        assert not self.shards[shard].closed
        self.shards[shard].records.append((next(self.sequences), self.now, data))

    def put_many(self, shard: str, records: int, apart: int = 1) -> list[bytes]:
        """Add records that arrive so many milliseconds apart; return their data."""
        added = []
        for _ in range(records):
            self.now += apart
            added.append(f"{shard}/{self.now}/{len(self.shards[shard].records)}".encode())
            self.put(shard, added[-1])
        return added

    def trim(self, shard: str, keep: int) -> None:
        """Let all but the last records of a shard expire."""
        records = self.shards[shard].records
        del records[: len(records) - keep]

    def wait(self, hours: float) -> None:
        """Advance the clock, and expire records."""
        self.now += round(hours * HOUR)
        for shard in self.shards.values():
            shard.records = [record for record in shard.records if record[1] > self.now - self.kept]

    def describe_stream_summary(self, **asked: object) -> Mapping[str, Any]:
        self._begin("DescribeStreamSummary", asked)
        summary = {"StreamCreationTimestamp": self.created, "RetentionPeriodHours": self.kept // HOUR}
        return self._dated() | {"StreamDescriptionSummary": summary}

    def list_shards(self, **asked: object) -> Mapping[str, Any]:
        self._begin("ListShards", asked)
        names = sorted(name for name in self.shards if name > str(asked.get("ExclusiveStartShardId", "")))
        page = names[: self.page_of_shards]
        more = {"NextToken": "a token that nobody sends"} if len(names) > len(page) else {}
        return self._dated() | more | {"Shards": [self._listed(name) for name in page]}

    def get_shard_iterator(self, **asked: object) -> Mapping[str, Any]:
        self._begin("GetShardIterator", asked)
        shard, kind = str(asked["ShardId"]), str(asked["ShardIteratorType"])
        if shard not in self.shards:
            self._refuse("ResourceNotFoundException", f"Shard {shard} does not exist")
        records = self.shards[shard].records
        number = int(str(asked.get("StartingSequenceNumber", 0)))
        begins = {"AT_SEQUENCE_NUMBER": number, "AFTER_SEQUENCE_NUMBER": number + 1, "TRIM_HORIZON": 0}
        if kind == "AT_TIMESTAMP":
            moment = round(float(str(asked["Timestamp"])) * 1000)
            if moment > self.now:
                self._refuse("InvalidArgumentException", "the timestamp lies in the future")
            begins[kind] = next((number for number, arrived, _ in records if arrived >= moment), 2**63)
        return {"ShardIterator": self._iterator(shard, begins[kind])}

    def get_records(self, **asked: object) -> Mapping[str, Any]:
        self._begin("GetRecords", asked)
        iterator = str(asked["ShardIterator"])
        if self.iterators_are_old or iterator not in self.iterators:
            self._refuse("ExpiredIteratorException", "Iterator expired.")
        shard, begin = self.iterators[iterator]
        rest = [record for record in self.shards[shard].records if record[0] >= begin]
        taken = rest[: int(str(asked["Limit"]))]
        if self.empty_pages and rest:
            self.empty_pages -= 1
            taken = []
        self.given.update(data for _, _, data in taken)
        more = len(rest) > len(taken)
        reached = taken[-1][0] + 1 if taken else begin
        behind = max(1, self.now - (taken[-1][1] if taken else rest[0][1])) if more else 0
        following = self._iterator(shard, reached) if more or not self.shards[shard].closed else None
        return {"Records": list(map(_answer, taken)), "NextShardIterator": following, "MillisBehindLatest": behind}

    def _dated(self) -> dict[str, Any]:
        return {"ResponseMetadata": {"HTTPHeaders": {"date": formatdate(self.now / 1000, usegmt=True)}}}

    def expire_iterators(self) -> None:
        """Expire all iterators."""
        self.iterators.clear()

    def _iterator(self, shard: str, begin: int) -> str:
        name = f"iterator {len(self.iterators)} of {self.calls}"
        self.iterators[name] = (shard, begin)
        return name

    def _listed(self, name: str) -> Mapping[str, Any]:
        shard = self.shards[name]
        parents = dict(zip(("ParentShardId", "AdjacentParentShardId"), shard.parents, strict=False))
        end = {"EndingSequenceNumber": str(2**62)} if shard.closed else {}
        return {"ShardId": name, "SequenceNumberRange": {"StartingSequenceNumber": "0"} | end} | parents

    def _begin(self, action: str, asked: Mapping[str, object]) -> None:
        self.calls[action] += 1
        self.arns.add(asked.get("StreamARN"))
        if self.faults:
            raise self.faults.popleft()
        if asked.get("StreamName", "s") != "s":
            self._refuse("ResourceNotFoundException", f"Stream {asked['StreamName']} under account 1 not found.")

    def _refuse(self, code: str, message: str) -> NoReturn:
        raise fault(code, message)


def fault(code: str, message: str = "", status: int = 400) -> ClientError:
    """Make an error as boto3 raises it."""
    return ClientError(
        {
            "Error": {"Code": code, "Message": message},
            "ResponseMetadata": {
                "HTTPStatusCode": status,
                "RequestId": "",
                "HostId": "",
                "HTTPHeaders": {},
                "RetryAttempts": 0,
            },
        },
        "Action",
    )


def _answer(record: tuple[int, int, bytes]) -> Mapping[str, Any]:
    number, arrived, data = record
    return {
        "SequenceNumber": str(number),
        "ApproximateArrivalTimestamp": arrived,
        "Data": data,
        "PartitionKey": "key",
    }
