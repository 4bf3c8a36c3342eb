"""Records become request bodies of the Kafka REST proxy's v2 API, none larger than the API takes."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinterest_pipeline.post.records import Record

MOST_BYTES = 9_500_000
"""The largest body sent. API Gateway refuses more than 10 MB and this quota cannot be raised ("Payload size" in
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html); the
rest is room for headers and for MB being read either way."""

_OPEN, _CLOSE = b'{"records":[', b"]}"


@dataclass(frozen=True)
class Packing:
    """Records cut into requests.

    Attributes:
        requests: The records of each request, in order.
        too_large: Records that no request can hold.
    """

    requests: tuple[tuple[Record, ...], ...]
    too_large: tuple[Record, ...]


def pack(records: Iterable[Record], most_records: int, most_bytes: int = MOST_BYTES) -> Packing:
    """Cut records into requests of at most `most_records` records and `most_bytes` bytes of body."""
    requests: list[tuple[Record, ...]] = []
    too_large: list[Record] = []
    request: list[Record] = []
    empty = filled = len(_OPEN) + len(_CLOSE)
    for record in records:
        size = len(_element(record)) + 1  # and a comma
        if empty + size > most_bytes:
            too_large.append(record)
            continue
        if request and (len(request) == most_records or filled + size > most_bytes):
            requests.append(tuple(request))
            request, filled = [], empty
        request.append(record)
        filled += size
    if request:
        requests.append(tuple(request))
    return Packing(tuple(requests), tuple(too_large))


def body(records: Iterable[Record]) -> bytes:
    """Write the body of the request that carries the records."""
    return _OPEN + ",".join(map(_element, records)).encode("ascii") + _CLOSE


def _element(record: Record) -> str:
    return f'{{"key":{"null" if record.key is None else record.key},"value":{record.value}}}'
