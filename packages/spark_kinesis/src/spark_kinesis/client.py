"""Calls Kinesis, with retries while it is busy; no other module does."""

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from botocore.exceptions import BotoCoreError, ClientError, HTTPClientError

from spark_kinesis.errors import ServiceError
from spark_kinesis.positions import After, Position, Since, TrimHorizon
from spark_kinesis.shards import Shard

if TYPE_CHECKING:
    from spark_kinesis.options import Stream

T = TypeVar("T")

Record = Mapping[str, Any]
"""A record of GetRecords, its arrival time in milliseconds since 1970."""

_WAITS = (0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0, 10.0, 10.0, 10.0)
"""Maximum seconds before each retry."""

_RANDOM = random.SystemRandom()
_BUSY = {
    "ProvisionedThroughputExceededException",
    "LimitExceededException",
    "KMSThrottlingException",
    "ThrottlingException",
    "InternalFailure",
    "InternalFailureException",
    "ServiceUnavailable",
}
_SERVER_ERROR = 500
_HOUR = 3_600_000


class IteratorExpiredError(Exception):
    """Raised when a shard iterator is older than five minutes."""


class NotInShardError(Exception):
    """Raised when a shard lacks the position: the stream was recreated, or the record expired."""


class Calls(Protocol):
    """The methods used of boto3's client."""

    def describe_stream_summary(self, **asked: object) -> Mapping[str, Any]:
        """Describe a stream."""

    def list_shards(self, **asked: object) -> Mapping[str, Any]:
        """List a stream's shards."""

    def get_shard_iterator(self, **asked: object) -> Mapping[str, Any]:
        """Return an iterator."""

    def get_records(self, **asked: object) -> Mapping[str, Any]:
        """Return records and the next iterator."""


@dataclass(frozen=True)
class Description:
    """A stream's description.

    Attributes:
        created: When it was created, in milliseconds since 1970; None if Kinesis does not return it.
        retention_ms: Its retention period, in milliseconds.
        now: The server's time, whole seconds, in milliseconds since 1970.
    """

    created: int | None
    retention_ms: int
    now: int


@dataclass(frozen=True)
class Page:
    """The response of one GetRecords call.

    Attributes:
        records: The records, in order.
        iterator: The next page's iterator; None at the end of a closed shard.
        lag: Milliseconds between the end of the page and the newest record; 0 at the newest record.
    """

    records: list[Record]
    iterator: str | None
    lag: int

    @property
    def size(self) -> int:
        """Total size of the data, in bytes."""
        return sum(len(record["Data"]) for record in self.records)

    @property
    def last(self) -> After:
        """The position after the last record; the page must not be empty."""
        return After(self.records[-1]["SequenceNumber"])


class Client:
    """Calls Kinesis.

    Args:
        calls: boto3's client.
        sleep: Waits so many seconds.
    """

    def __init__(self, calls: Calls, sleep: Callable[[float], None] = time.sleep) -> None:
        """Keep the client."""
        self._calls = calls
        self._sleep = sleep

    def describe(self, stream: "Stream") -> Description:
        """Return when a stream was created, its retention period and the server's time.

        Raises:
            ServiceError: There is no such stream, or Kinesis does not answer.
        """
        answer = self._try(
            stream, "DescribeStreamSummary", partial(self._calls.describe_stream_summary, **_name(stream))
        )
        summary = answer["StreamDescriptionSummary"]
        return Description(
            summary.get("StreamCreationTimestamp"), summary["RetentionPeriodHours"] * _HOUR, _server_time(answer)
        )

    def shards(self, stream: "Stream") -> tuple[dict[str, Shard], int]:
        """Return a stream's shards, open and closed, by id, and the server's time before listing them.

        Raises:
            ServiceError: There is no such stream, or Kinesis does not answer.
        """
        found: dict[str, Shard] = {}
        now: int | None = None
        more: dict[str, str] = {}
        while True:
            # By the last id, not by NextToken: several emulators cannot tell the stream from a token alone.
            answer = self._try(stream, "ListShards", partial(self._calls.list_shards, **_name(stream), **more))
            listed = {shard.id: shard for shard in map(_shard, answer["Shards"])}
            found |= listed
            now = now or _server_time(answer)
            if not answer.get("NextToken") or not listed:
                return found, now
            more = {"ExclusiveStartShardId": max(listed)}

    def iterator(self, stream: "Stream", shard: str, position: Position) -> str:
        """Return an iterator that begins at a position.

        Raises:
            NotInShardError: The shard has no such position.
            ServiceError: Kinesis does not answer.
        """
        return self._iterator(stream, shard, _iterator_kind(position))

    def page(self, stream: "Stream", iterator: str, limit: int) -> Page:
        """Return at most `limit` records at an iterator.

        Raises:
            IteratorExpiredError: The iterator has expired.
            ServiceError: Kinesis does not answer.
        """
        # A stream shared by another account needs its ARN in every call.
        arn = {"StreamARN": stream.arn} if stream.arn else {}
        call = partial(self._calls.get_records, ShardIterator=iterator, Limit=limit, **arn)
        answer = self._try(stream, "GetRecords", call)
        return Page(answer["Records"], answer.get("NextShardIterator"), answer.get("MillisBehindLatest") or 0)

    def holds(self, stream: "Stream", shard: str, position: After) -> bool:
        """Return whether the record before a position is still retained; reads that one record."""
        kind = {"ShardIteratorType": "AT_SEQUENCE_NUMBER", "StartingSequenceNumber": position.sequence}
        try:
            page = self.page(stream, self._iterator(stream, shard, kind), 1)
        except NotInShardError:
            return False
        while not page.records and page.lag and page.iterator:
            self._sleep(_WAITS[0])
            page = self.page(stream, page.iterator, 1)
        return bool(page.records) and page.last == position

    def _iterator(self, stream: "Stream", shard: str, kind: Mapping[str, Any]) -> str:
        call = partial(self._calls.get_shard_iterator, **_name(stream), ShardId=shard, **kind)
        answer = self._try(stream, "GetShardIterator", call)
        iterator: str = answer["ShardIterator"]
        return iterator

    def _try(self, stream: "Stream", action: str, call: Callable[[], T]) -> T:
        waits = iter(_WAITS)
        while True:
            try:
                return call()
            except (BotoCoreError, ClientError) as error:
                wait = next(waits, None)
                if wait is None or not _is_passing(error):
                    raise _meaning(error, stream, action) from error
            # Full jitter: readers that were throttled together do not retry together.
            self._sleep(_RANDOM.uniform(0, wait))


def _name(stream: "Stream") -> dict[str, Any]:
    return {"StreamARN": stream.arn} if stream.arn else {"StreamName": stream.name}


def _server_time(answer: Mapping[str, Any]) -> int:
    """Return the time of a response, to the second, in milliseconds since 1970."""
    return round(parsedate_to_datetime(answer["ResponseMetadata"]["HTTPHeaders"]["date"]).timestamp()) * 1000


def _shard(listed: Mapping[str, Any]) -> Shard:
    parents = (listed.get("ParentShardId"), listed.get("AdjacentParentShardId"))
    closed = bool(listed["SequenceNumberRange"].get("EndingSequenceNumber"))
    return Shard(listed["ShardId"], tuple(parent for parent in parents if parent), closed)


def _iterator_kind(position: Position) -> dict[str, Any]:
    match position:
        case After(sequence):
            return {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "StartingSequenceNumber": sequence}
        case Since(ms):
            return {"ShardIteratorType": "AT_TIMESTAMP", "Timestamp": ms / 1000}
        case TrimHorizon():
            return {"ShardIteratorType": "TRIM_HORIZON"}
        case _:
            raise AssertionError(f"cannot read from {position}")


def _code(error: Exception) -> str:
    return str(error.response.get("Error", {}).get("Code", "")) if isinstance(error, ClientError) else ""


def _is_passing(error: Exception) -> bool:
    if not isinstance(error, ClientError):
        return isinstance(error, HTTPClientError)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return _code(error) in _BUSY or status >= _SERVER_ERROR


def _meaning(error: Exception, stream: "Stream", action: str) -> Exception:
    code = _code(error)
    if code == "ExpiredIteratorException":
        return IteratorExpiredError(action)
    if code == "InvalidArgumentException" and action == "GetShardIterator":
        return NotInShardError(str(error))
    if code == "ResourceNotFoundException":
        return ServiceError(
            f"there is no stream {stream.name}, or one of its shards has expired: {error}; check streamName, region "
            "and endpoint, and whether the stream was deleted"
        )
    return ServiceError(f"{action} failed on the stream {stream.name}: {error}")
