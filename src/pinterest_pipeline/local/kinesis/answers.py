"""Answers to Kinesis' requests: what concerns records and shards from the store, all else as moto gives it."""

import binascii
import json
import re
import time
from collections.abc import Mapping
from functools import cached_property
from threading import Lock
from typing import Any, cast

from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import JsonRESTError
from moto.core.responses import ActionContext, ActionResult
from moto.kinesis.exceptions import InvalidArgumentError, RecordSizeExceedsLimit, ResourceInUseError, TooManyRecords
from moto.kinesis.models import KinesisBackend
from moto.kinesis.responses import KinesisResponse

from pinterest_pipeline.local.kinesis.shard import MOST_IN_A_PAGE, NewRecord, OrderedShard, Page, Position
from pinterest_pipeline.local.kinesis.stream import OrderedStream

MOST_RECORD_BYTES = 2**20
"""A record's data and partition key together."""

MOST_REQUEST_BYTES = 10 * 2**20
"""All records of one PutRecords."""

_MOST_RECORDS = 500
_MOST_SHARDS_LISTED = 1000
_LONGEST_KEY = 256
_HASH_KEYS = 2**128
_STREAM_NAME = r"[a-zA-Z0-9_.-]{1,128}"
_NUMBER = r"0|[1-9]\d{0,128}"


class OrderedBackend(KinesisBackend):
    """moto's Kinesis of one region, with streams that lose nothing."""

    _creating = Lock()

    def create_stream(
        self,
        stream_name: str,
        shard_count: int | None,
        stream_mode: dict[str, str] | None = None,
        retention_period_hours: int | None = None,
    ) -> OrderedStream:
        """Make a stream, ACTIVE at once.

        Raises:
            JsonRESTError: The name is taken or cannot be, or there would be no shard.
        """
        shards = 1 if shard_count is None else shard_count
        if not re.fullmatch(_STREAM_NAME, stream_name):
            raise _invalid("streamName", stream_name, f"satisfy regular expression pattern: {_STREAM_NAME}")
        if shards < 1:
            raise _invalid("shardCount", shards, "have value greater than or equal to 1")
        with self._creating:
            if stream_name in self.streams:
                raise ResourceInUseError(f"Stream {stream_name} under account {self.account_id} already exists.")
            # No two streams of a name are made at the same time, which is told in milliseconds.
            time.sleep(0.001)
            stream = OrderedStream(
                stream_name, shards, stream_mode, retention_period_hours, self.account_id, self.region_name
            )
            self.streams[stream_name] = stream
        return stream

    def stream(self, name: str | None, arn: str | None = None) -> OrderedStream:
        """Return a stream.

        Raises:
            StreamNotFoundError: There is no such stream.
        """
        # No other kind is ever made.
        return cast("OrderedStream", self.describe_stream(arn, name))


class JsonResult(ActionResult):
    """An answer that is JSON already: moto's serializer would spend most of the time on answers of many records."""

    def __init__(self, text: str) -> None:
        """Keep the answer."""
        super().__init__(text)
        self._text = text

    def execute_result(self, context: ActionContext) -> TYPE_RESPONSE:
        """Return status, headers and body."""
        headers = {"Content-Type": f"application/x-amz-json-{context.service_model.metadata['jsonVersion']}"}
        # Bytes: in text moto looks for the request id of XML, from one end to the other.
        return 200, headers, self._text.encode()


class Answers(KinesisResponse):
    """Answers one request."""

    # Else moto takes the body for a form as well, and a partition key with & and = in it for parameters.
    use_raw_body = True

    @cached_property
    def parameters(self) -> Mapping[str, Any]:
        """The request's body.

        Raises:
            JsonRESTError: It is not a JSON object.
        """
        try:
            parameters = json.loads(self.raw_body or b"{}")
        except ValueError as error:
            raise JsonRESTError("SerializationException", f"the body is not JSON: {error}") from error
        if not isinstance(parameters, dict):
            raise JsonRESTError("SerializationException", "the body is not a JSON object")
        return parameters

    @property
    def backend(self) -> OrderedBackend:
        """The caller's region."""
        # The service lets moto make no other kind.
        return cast("OrderedBackend", self.kinesis_backend)

    @property
    def stream(self) -> OrderedStream:
        """The stream that the request names."""
        return self.backend.stream(self.parameters.get("StreamName"), self.parameters.get("StreamARN"))

    def put_record(self) -> ActionResult:
        """Answer PutRecord."""
        ((sequence, shard),) = self.stream.append([new_record(self.parameters)])
        return ActionResult({"SequenceNumber": str(sequence), "ShardId": shard})

    def put_records(self) -> ActionResult:
        """Answer PutRecords."""
        entries = self.parameters.get("Records") or []
        if not entries:
            raise _invalid("records", "[]", "have length greater than or equal to 1")
        if len(entries) > _MOST_RECORDS:
            raise TooManyRecords
        records = [new_record(entry, number) for number, entry in enumerate(entries, start=1)]
        if sum(record.size for record in records) > MOST_REQUEST_BYTES:
            raise InvalidArgumentError(f"Records size exceeds {MOST_REQUEST_BYTES >> 20} MB limit")
        kept = self.stream.append(records)
        answers = [{"SequenceNumber": str(sequence), "ShardId": shard} for sequence, shard in kept]
        return JsonResult(json.dumps({"FailedRecordCount": 0, "Records": answers}))

    def get_shard_iterator(self) -> ActionResult:
        """Answer GetShardIterator."""
        shard, kind = self.parameters.get("ShardId", ""), self.parameters.get("ShardIteratorType", "")
        sequence, moment = self.parameters.get("StartingSequenceNumber", "0"), self.parameters.get("Timestamp", 0)
        if not re.fullmatch(_NUMBER, sequence):
            raise _invalid("startingSequenceNumber", sequence, f"satisfy regular expression pattern: {_NUMBER}")
        return ActionResult({"ShardIterator": str(self.stream.position(shard, kind, int(sequence), moment))})

    def get_records(self) -> ActionResult:
        """Answer GetRecords."""
        limit = self.parameters.get("Limit", MOST_IN_A_PAGE)
        if not 1 <= limit <= MOST_IN_A_PAGE:
            raise _invalid("limit", limit, f"have value between 1 and {MOST_IN_A_PAGE}")
        position = Position.read(self.parameters.get("ShardIterator", ""))
        stream = self.backend.stream(position.stream)
        return JsonResult(_records(stream, position, stream.page(position, limit)))

    def list_shards(self) -> ActionResult:
        """Answer ListShards; its token alone says where the next answer begins."""
        if self.parameters.get("ShardFilter"):
            raise InvalidArgumentError("The local Kinesis has no shard filters: list all shards and choose.")
        token, after = self.parameters.get("NextToken"), self.parameters.get("ExclusiveStartShardId", "")
        position = Position.read(token) if token else None
        stream = self.backend.stream(position.stream) if position else self.stream
        rest = stream.shards_after(position.shard if position else after)
        shards = rest[: self.parameters.get("MaxResults", _MOST_SHARDS_LISTED)]
        more = str(Position(stream.stream_name, shards[-1].shard_id, 0)) if len(shards) < len(rest) else None
        return ActionResult({"Shards": [shard.to_json() for shard in shards], "NextToken": more})


def new_record(entry: Mapping[str, Any], number: int = 1) -> NewRecord:
    """Check a record of PutRecord or PutRecords.

    Args:
        entry: The record.
        number: Its place among the request's records, from 1.

    Raises:
        JsonRESTError: It cannot be.
    """
    key, data, hash_key = entry.get("PartitionKey", ""), entry.get("Data", ""), entry.get("ExplicitHashKey")
    if not 1 <= len(key) <= _LONGEST_KEY:
        raise _invalid(f"records.{number}.member.partitionKey", key, f"have length between 1 and {_LONGEST_KEY}")
    if hash_key is not None and not (re.fullmatch(_NUMBER, hash_key) and int(hash_key) < _HASH_KEYS):
        raise InvalidArgumentError(f"ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value: {hash_key}")
    try:
        size = len(binascii.a2b_base64(data, strict_mode=True)) + len(key.encode())
    except ValueError as error:
        raise JsonRESTError("SerializationException", f"the data of record {number} is not Base64: {error}") from error
    if size > MOST_RECORD_BYTES:
        raise RecordSizeExceedsLimit(number)
    return NewRecord(key, data, size, None if hash_key is None else int(hash_key))


def _records(stream: OrderedStream, position: Position, page: Page) -> str:
    records = ",".join(record.answer for record in page.records)
    if page.sequence is None:
        children = json.dumps([_child(shard) for shard in stream.children(position.shard)])
        after = f'"ChildShards":{children}'
    else:
        after = f'"NextShardIterator":"{Position(position.stream, position.shard, page.sequence)}"'
    return f'{{"Records":[{records}],"MillisBehindLatest":{page.behind},{after}}}'


def _child(shard: OrderedShard) -> dict[str, Any]:
    parents = [parent for parent in (shard.parent, shard.adjacent_parent) if parent]
    return {"ShardId": shard.shard_id, "ParentShards": parents, "HashKeyRange": shard.to_json()["HashKeyRange"]}


def _invalid(field: str, value: object, rule: str) -> JsonRESTError:
    reason = f"Value '{value}' at '{field}' failed to satisfy constraint: Member must {rule}"
    return JsonRESTError("ValidationException", f"1 validation error detected: {reason}")
