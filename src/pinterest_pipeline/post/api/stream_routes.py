"""The routes to a Kinesis stream: many records per request (PutRecords), or one (PutRecord)."""

import json
from hashlib import blake2b
from typing import Any, ClassVar

from pinterest_pipeline import kinesis_limits
from pinterest_pipeline.post.api.route import Result, Route
from pinterest_pipeline.post.records import Record

# Kinesis raises this before it writes; after every other error the record may be written.
_NOT_WRITTEN = "ProvisionedThroughputExceededException"
_KEYS_AND_PERMISSIONS = ("AccessDenied", "KMS")
_OF_CALLER_OR_STREAM = (*_KEYS_AND_PERMISSIONS, "ResourceNotFound")


class StreamRoute(Route):
    """Up to 500 records per request; the row's JSON text is sent as a JSON string, so that it arrives unchanged."""

    method = "PUT"
    headers: ClassVar = {"Content-Type": "application/json", "Accept": "application/json"}
    envelope = ('{"records":[', "]}")
    max_records = kinesis_limits.MAX_RECORDS
    max_record_bytes = kinesis_limits.MAX_RECORD_BYTES
    peer_name = "Kinesis behind API Gateway"
    service_errors = _KEYS_AND_PERMISSIONS
    missing = "there is no such stream: check --api with its stage, --prefix, and that the streams exist"
    resume_hint = "Run again after fixing this: rows posted twice become one row in the clean table"

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/streams/{self.name}/records"

    def key(self, record: Record) -> str:
        """Return the record's key, or a hash of its value if it has no valid partition key."""
        key = "" if record.key is None else str(record.key)
        if 0 < len(key) <= kinesis_limits.MAX_KEY_LENGTH:
            return key
        return blake2b(record.value.encode("ascii"), digest_size=16).hexdigest()

    def element(self, record: Record) -> str:
        """Return a record as an element of a request's body."""
        return f'{{"data":{json.dumps(record.value)},"partition-key":"{self.key(record)}"}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the response of PutRecords."""
        return [_result(entry) for entry in document["Records"]]


class RecordRoute(StreamRoute):
    """One record per request."""

    envelope = ("", "")
    max_records = 1

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/streams/{self.name}/record"

    def element(self, record: Record) -> str:
        """Return a record as the whole body."""
        return f'{{"Data":{json.dumps(record.value)},"PartitionKey":"{self.key(record)}"}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the response of PutRecord."""
        return [_result(document)]


def _result(entry: dict[str, Any]) -> Result:
    if code := entry.get("ErrorCode"):
        # Kinesis validates all records before it writes the first: an error here is never the record's fault.
        fatal = str(code).startswith(_OF_CALLER_OR_STREAM)
        error = f"{code}: {entry.get('ErrorMessage')}"
        return Result(error, retry=True, maybe_written=code != _NOT_WRITTEN, fatal=fatal)
    # An entry with neither an error nor a sequence number is not a response of Kinesis: a KeyError.
    entry["SequenceNumber"]
    return Result()
