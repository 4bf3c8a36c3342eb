"""Handlers of Kinesis' requests: records and shards from the store, everything else from moto."""

import json
import re
import time
from collections.abc import Mapping
from threading import RLock
from typing import Any, cast

from moto.core.common_types import TYPE_RESPONSE
from moto.core.exceptions import JsonRESTError
from moto.core.request import Request
from moto.core.responses import ActionContext, ActionResult
from moto.kinesis.exceptions import InvalidArgumentError, RecordSizeExceedsLimit, ResourceInUseError
from moto.kinesis.models import KinesisBackend
from moto.kinesis.responses import KinesisResponse

from pinterest_pipeline.kinesis_limits import MAX_RECORD_BYTES, MAX_REQUEST_BYTES
from tooling.local_cloud.kinesis import REGION
from tooling.local_cloud.kinesis.shard import MAX_PAGE_RECORDS, NewRecord, OrderedShard, Page, Position
from tooling.local_cloud.kinesis.stream import OrderedStream
from tooling.local_cloud.kinesis.validation import broken, invalid, read_request

_MAX_SHARDS_LISTED = 1000
_USUAL_PAGE = 100
_HASH_KEYS = 2**128
_AT_A_RECORD = frozenset({"AT_SEQUENCE_NUMBER", "AFTER_SEQUENCE_NUMBER"})
_NOT_WITH_A_TOKEN = frozenset({"StreamName", "StreamARN", "ExclusiveStartShardId", "StreamCreationTimestamp"})
_REGION_OF_A_SIGNATURE = re.compile(r"Credential=[^/,]*/\d{8}/([^/,]+)/")
_NOT_HERE = frozenset({"DryRun", "MaxRecordSizeInKiB", "RecordDistributionStrategy", "ShardFilter", "StreamId"})


class OrderedBackend(KinesisBackend):
    """moto's Kinesis of one region, with streams that lose nothing."""

    _changing = RLock()

    def create_stream(
        self,
        stream_name: str,
        shard_count: int | None,
        stream_mode: dict[str, str] | None = None,
        retention_period_hours: int | None = None,
    ) -> OrderedStream:
        """Create a stream, which is ACTIVE immediately.

        Raises:
            JsonRESTError: The name is taken, or the account would have too many shards.
        """
        shards = 1 if shard_count is None else shard_count
        with self._changing:
            if stream_name in self.streams:
                raise ResourceInUseError(f"Stream {stream_name} under account {self.account_id} already exists.")
            self._check_limit(shards)
            # Two streams of one name differ in their creation time, which is in milliseconds.
            time.sleep(0.001)
            stream = OrderedStream(
                stream_name, shards, stream_mode, retention_period_hours, self.account_id, self.region_name
            )
            self.streams[stream_name] = stream
        return stream

    def describe_stream(self, stream_arn: str | None, stream_name: str | None) -> OrderedStream:
        """Return a stream.

        Raises:
            JsonRESTError: No stream is named, or there is no such stream.
        """
        if not stream_name and not stream_arn:
            raise InvalidArgumentError("Either StreamName or StreamARN must be provided.")
        # No other kind is created.
        return cast("OrderedStream", super().describe_stream(stream_arn, stream_name))

    def split_shard(self, stream_arn: str, stream_name: str, shard_to_split: str, new_starting_hash_key: str) -> None:
        """Split a shard.

        Raises:
            JsonRESTError: It cannot be split, or the account would have too many shards.
        """
        with self._changing:
            self._check_limit(1)
            super().split_shard(stream_arn, stream_name, shard_to_split, new_starting_hash_key)

    def update_shard_count(self, stream_arn: str, stream_name: str, target_shard_count: int) -> int:
        """Split and merge shards until the target number is open; return the number before.

        Raises:
            JsonRESTError: The target is too far from it, or the account would have too many shards.
        """
        with self._changing:
            self._check_limit(target_shard_count - self.describe_stream(stream_arn, stream_name).open_shards)
            return super().update_shard_count(stream_arn, stream_name, target_shard_count)

    def describe_limits(self) -> dict[str, int]:
        """Return the account's limits and usage."""
        streams = [self.describe_stream(None, name) for name in list(self.streams)]
        return super().describe_limits() | {
            "OpenShardCount": sum(stream.open_shards for stream in streams),
            "OnDemandStreamCount": sum(stream.stream_mode["StreamMode"] == "ON_DEMAND" for stream in streams),
        }

    def _check_limit(self, more: int) -> None:
        limits = self.describe_limits()
        if limits["OpenShardCount"] + more <= limits["ShardLimit"]:
            return
        raise JsonRESTError(
            "LimitExceededException",
            f"This request would exceed the shard limit for the account {self.account_id} in {self.region_name}. "
            f"Current shard count for the account: {limits['OpenShardCount']}. Limit: {limits['ShardLimit']}. "
            f"Number of additional shards that would have resulted from this request: {more}.",
        )

    def _find_stream_by_arn(self, stream_arn: str) -> OrderedStream:
        return self.describe_stream(stream_arn, None)


class JsonResult(ActionResult):
    """A response that is JSON already: moto's serializer would take most of the time for responses of many records."""

    def __init__(self, text: str) -> None:
        """Keep the answer."""
        super().__init__(text)
        self._text = text

    def execute_result(self, context: ActionContext) -> TYPE_RESPONSE:
        """Return status, headers and body."""
        headers = {"Content-Type": f"application/x-amz-json-{context.service_model.metadata['jsonVersion']}"}
        # Bytes: moto searches all of a text for the request id of XML.
        return 200, headers, self._text.encode()


class Answers(KinesisResponse):
    """Answers one request."""

    # Else moto parses the body as a form too, and a partition key with & and = as parameters.
    use_raw_body = True

    def __init__(self) -> None:
        """Take parameters from the body only."""
        super().__init__()
        self.automated_parameter_parsing = True
        self.allow_request_decompression = False

    def parse_parameters(self, request: Request) -> None:
        """Validate the request; moto's own actions get the same parameters.

        Raises:
            JsonRESTError: Kinesis would reject it, or it uses a parameter that is not implemented.
        """
        self.params = read_request(self._get_action(), request.data)
        absent = sorted(_NOT_HERE & self.params.keys())
        if absent:
            raise InvalidArgumentError(f"The local Kinesis has no {absent[0]}: leave it out.")

    def get_region_from_url(self, request: Request, full_url: str) -> str:
        """Return the region that the request is signed for; the local one without a signature."""
        del full_url
        scope = _REGION_OF_A_SIGNATURE.search(request.headers.get("Authorization", ""))
        return scope[1] if scope else REGION

    @property
    def kinesis_backend(self) -> OrderedBackend:
        """The caller's region.

        Raises:
            JsonRESTError: There is no such region.
        """
        try:
            # The service lets moto create no other kind.
            return cast("OrderedBackend", super().kinesis_backend)
        except KeyError as error:
            raise JsonRESTError(
                "InvalidSignatureException", "Credential should be scoped to a valid region."
            ) from error

    @property
    def stream(self) -> OrderedStream:
        """The stream that the request names."""
        return self.kinesis_backend.describe_stream(self.params.get("StreamARN"), self.params.get("StreamName"))

    def describe_stream(self) -> ActionResult:
        """Answer DescribeStream."""
        stream = self.stream
        rest = stream.shards_after(self.params.get("ExclusiveStartShardId", ""))
        shards = rest[: self.params.get("Limit", _USUAL_PAGE)]
        description = stream.to_json()["StreamDescription"] | {
            "Shards": [shard.to_json() for shard in shards],
            "HasMoreShards": len(shards) < len(rest),
        }
        return ActionResult({"StreamDescription": description})

    def list_streams(self) -> ActionResult:
        """Answer ListStreams; a page's token is its last name."""
        after = self.params.get("NextToken") or self.params.get("ExclusiveStartStreamName", "")
        rest = sorted(name for name in list(self.kinesis_backend.streams) if name > after)
        names = rest[: self.params.get("Limit", _USUAL_PAGE)]
        more = len(names) < len(rest)
        found = [self.kinesis_backend.describe_stream(None, name) for name in names]
        return ActionResult(
            {
                "StreamNames": names,
                "StreamSummaries": [stream.to_json_summary()["StreamDescriptionSummary"] for stream in found],
                "HasMoreStreams": more,
                "NextToken": names[-1] if more else None,
            }
        )

    def put_record(self) -> ActionResult:
        """Answer PutRecord."""
        ((sequence, shard),) = self.stream.append([new_record(self.params)])
        return ActionResult({"SequenceNumber": str(sequence), "ShardId": shard})

    def put_records(self) -> ActionResult:
        """Answer PutRecords."""
        records = [new_record(entry, number) for number, entry in enumerate(self.params["Records"], start=1)]
        if sum(record.size for record in records) > MAX_REQUEST_BYTES:
            raise InvalidArgumentError(f"Records size exceeds {MAX_REQUEST_BYTES >> 20} MB limit")
        kept = self.stream.append(records)
        answers = [{"SequenceNumber": str(sequence), "ShardId": shard} for sequence, shard in kept]
        return JsonResult(json.dumps({"FailedRecordCount": 0, "Records": answers}))

    def get_shard_iterator(self) -> ActionResult:
        """Answer GetShardIterator."""
        kind, sequence = self.params["ShardIteratorType"], self.params.get("StartingSequenceNumber")
        if (sequence is None) == (kind in _AT_A_RECORD):
            raise InvalidArgumentError(
                "Must either specify (1) AT_SEQUENCE_NUMBER or AFTER_SEQUENCE_NUMBER and StartingSequenceNumber or (2) "
                "TRIM_HORIZON or LATEST and no StartingSequenceNumber. Request specified "
                f"{kind} and {'no' if sequence is None else 'also a'} StartingSequenceNumber."
            )
        moment = self.params.get("Timestamp")
        if kind == "AT_TIMESTAMP" and moment is None:
            raise InvalidArgumentError(
                "Must specify timestampInMillis parameter for iterator of type AT_TIMESTAMP. "
                "Current request has no timestamp parameter."
            )
        position = self.stream.position(self.params["ShardId"], kind, int(sequence or 0), moment or 0)
        return ActionResult({"ShardIterator": str(position)})

    def get_records(self) -> ActionResult:
        """Answer GetRecords."""
        position = Position.read(self.params["ShardIterator"])
        stream = self.kinesis_backend.describe_stream(None, position.stream)
        page = stream.page(position, self.params.get("Limit", MAX_PAGE_RECORDS))
        return JsonResult(_records(stream, position, page))

    def list_shards(self) -> ActionResult:
        """Answer ListShards; only its token determines where the next page begins."""
        token = self.params.get("NextToken")
        both = sorted(_NOT_WITH_A_TOKEN & self.params.keys())
        if token and both:
            raise InvalidArgumentError(f"NextToken and {both[0]} cannot be provided together.")
        position = Position.read(token) if token else None
        stream = self.kinesis_backend.describe_stream(None, position.stream) if position else self.stream
        rest = stream.shards_after(position.shard if position else self.params.get("ExclusiveStartShardId", ""))
        shards = rest[: self.params.get("MaxResults", _MAX_SHARDS_LISTED)]
        more = str(Position(stream.stream_name, shards[-1].shard_id, 0)) if len(shards) < len(rest) else None
        return ActionResult({"Shards": [shard.to_json() for shard in shards], "NextToken": more})

    def _get_action(self) -> str:
        # From the header only: moto would also take it from a query.
        return str(self.headers.get("X-Amz-Target", "")).rpartition(".")[2] or "without a name"


def new_record(entry: Mapping[str, Any], number: int = 1) -> NewRecord:
    """Check a record of PutRecord or PutRecords.

    Args:
        entry: The record.
        number: Its position in the request, from 1.

    Raises:
        JsonRESTError: It is invalid.
    """
    key, data, hash_key = entry.get("PartitionKey"), entry["Data"], entry.get("ExplicitHashKey")
    if key is None:
        raise invalid(broken(f"records.{number}.member.partitionKey", key, "not be null"))
    if hash_key is not None and int(hash_key) >= _HASH_KEYS:
        raise InvalidArgumentError(f"ExplicitHashKey must be in the range: [0, 2^128-1]. Specified value: {hash_key}")
    # Valid Base64: the service's model has checked it.
    size = len(data) // 4 * 3 - data[-2:].count("=") + len(key.encode())
    if size > MAX_RECORD_BYTES:
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
