"""The routes to a Kinesis stream: many records a request, or one at a time as the first version of this client did."""

import json
from hashlib import blake2b
from typing import Any, ClassVar

from pinterest_pipeline.post.api.route import Result, Route
from pinterest_pipeline.post.records import Record

_LONGEST_KEY = 256
# Kinesis says so before it writes; after every other error the record may be there.
_NOT_WRITTEN = "ProvisionedThroughputExceededException"
_KEYS_AND_PERMISSIONS = ("AccessDenied", "KMS")
_OF_CALLER_OR_STREAM = (*_KEYS_AND_PERMISSIONS, "ResourceNotFound")


class StreamRoute(Route):
    """Up to 500 records a request; the row's JSON text goes as a JSON string, so that it arrives to the letter."""

    method = "PUT"
    headers: ClassVar = {"Content-Type": "application/json", "Accept": "application/json"}
    envelope = ('{"records":[', "]}")
    most_records = 500
    most_record_bytes = 2**20
    speaker = "Kinesis behind API Gateway"
    beyond = _KEYS_AND_PERMISSIONS
    missing = "there is no such stream there: check --api with its stage, --prefix, and that the streams are made"
    go_on = "Run again once this is mended: rows that are in twice by then exist once in the end"

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/streams/{self.name}/records"

    def key(self, record: Record) -> str:
        """Return the record's key, or a hash of its value where it has none that Kinesis takes."""
        key = "" if record.key is None else str(record.key)
        if 0 < len(key) <= _LONGEST_KEY:
            return key
        return blake2b(record.value.encode("ascii"), digest_size=16).hexdigest()

    def element(self, record: Record) -> str:
        """Write a record as it stands in a request's body."""
        return f'{{"data":{json.dumps(record.value)},"partition-key":"{self.key(record)}"}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the answer of PutRecords."""
        return [_result(entry) for entry in document["Records"]]


class RecordRoute(StreamRoute):
    """One record a request."""

    envelope = ("", "")
    most_records = 1

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/streams/{self.name}/record"

    def element(self, record: Record) -> str:
        """Write a record as the whole body."""
        return f'{{"Data":{json.dumps(record.value)},"PartitionKey":"{self.key(record)}"}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the answer of PutRecord, which has a place in the stream or is none."""
        return [_result(document)]


def _result(entry: dict[str, Any]) -> Result:
    if code := entry.get("ErrorCode"):
        # Kinesis looks at the records before it takes the first one: what fails here is never the record's fault.
        hopeless = str(code).startswith(_OF_CALLER_OR_STREAM)
        error = f"{code}: {entry.get('ErrorMessage')}"
        return Result(error, again=True, maybe_in=code != _NOT_WRITTEN, hopeless=hopeless)
    # What has neither an error nor a place in the stream is no answer of Kinesis: a KeyError.
    entry["SequenceNumber"]
    return Result()
