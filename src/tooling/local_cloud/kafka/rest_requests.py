"""Requests and errors of Confluent REST Proxy, API v2: from bodies to Kafka's records, and their faults."""

import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from tooling.local_cloud.strict_json import compact, parse

PRODUCE_TYPE = "application/vnd.kafka.json.v2+json"
"""Content type of records that are JSON."""

BINARY_TYPE = "application/vnd.kafka.binary.v2+json"
"""Content type of records that are bytes, in Base64."""

MAX_RECORDS = 100_000
"""Maximum records of one request: the size of the producer's queue."""

_NOT_JSON, _UNPROCESSABLE, _TOO_LARGE = 42203, 422, 413
_LARGEST_PARTITION = 2**31 - 1
_FIELDS = frozenset({"key", "value", "partition"})


class ProxyError(Exception):
    """Raised to answer a request with one of the published error bodies."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """Keep the HTTP status, the error code and the message of the answer."""
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Record:
    """One record of a request, for Kafka.

    Attributes:
        key: Its key; None is allowed.
        value: Its value; None is allowed.
        partition: Its partition; None for the key's.
    """

    key: bytes | None
    value: bytes | None
    partition: int | None = None


def read_records(body: bytes, content_type: str = PRODUCE_TYPE, partition: int | None = None) -> list[Record]:
    """Return the records of a produce request.

    Args:
        body: The request's body.
        content_type: One of FORMATS.
        partition: The partition that the request itself names; its records then name none.

    Raises:
        ProxyError: The body is not JSON, or not a produce request.
    """
    try:
        request = parse(body)
    except ValueError as error:
        raise ProxyError(422, _NOT_JSON, f"Conversion of JSON to Object failed: {error}") from error
    records = request.get("records") if isinstance(request, dict) else None
    if not isinstance(records, list) or not records:
        raise ProxyError(422, _UNPROCESSABLE, "records must not be empty")
    if len(records) > MAX_RECORDS:
        raise ProxyError(413, _TOO_LARGE, f"a request has at most {MAX_RECORDS} records; got {len(records)}")
    fields = _FIELDS if partition is None else _FIELDS - {"partition"}
    written = FORMATS[content_type]
    return [
        _read_record(f"records[{place}]", record, fields, written, partition) for place, record in enumerate(records)
    ]


def _read_record(
    place: str,
    record: object,
    fields: frozenset[str],
    written: Callable[[object], bytes | None],
    partition: int | None,
) -> Record:
    if not isinstance(record, dict) or not record.keys() <= fields:
        raise ProxyError(422, _UNPROCESSABLE, f"{place} must be an object of {', '.join(sorted(fields))}")
    chosen = record.get("partition", partition)
    if chosen is not None and not (type(chosen) is int and 0 <= chosen <= _LARGEST_PARTITION):
        raise ProxyError(422, _UNPROCESSABLE, f"{place}.partition must be greater than or equal to 0")
    try:
        return Record(written(record.get("key")), written(record.get("value")), chosen)
    except ValueError as error:
        raise ProxyError(422, _NOT_JSON, f"Conversion of JSON to Object failed: {place}: {error}") from error


def _json(value: object) -> bytes | None:
    return None if value is None else compact(value)


def _bytes(value: object) -> bytes | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise ValueError("a text in Base64 is expected")
    return binascii.a2b_base64(value, strict_mode=True)


FORMATS: Mapping[str, Callable[[object], bytes | None]] = {PRODUCE_TYPE: _json, BINARY_TYPE: _bytes}
"""Content type -> the encoder of a record's key or value."""
