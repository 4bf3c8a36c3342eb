"""Splits records into requests within the API's limits."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinterest_pipeline.post.api.route import Refusal, Route
from pinterest_pipeline.post.records import Record

MAX_BODY_BYTES = 9_500_000
"""The maximum body size. API Gateway refuses more than 10 MB and this quota cannot be raised ("Payload size" in
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html); the
rest is room for headers and for MB being read either way."""


@dataclass(frozen=True)
class Packing:
    """Records split into requests.

    Attributes:
        requests: The records of each request, in order.
        refused: Records that fit in no request.
    """

    requests: tuple[tuple[Record, ...], ...]
    refused: tuple[Refusal, ...]


def pack(records: Iterable[Record], route: Route, max_records: int, max_bytes: int = MAX_BODY_BYTES) -> Packing:
    """Split records into requests of at most `max_records` records and `max_bytes` bytes of body."""
    max_records = min(max_records, route.max_records)
    requests: list[tuple[Record, ...]] = []
    refused: list[Refusal] = []
    request: list[Record] = []
    empty = filled = sum(map(len, route.envelope))
    for record in records:
        size = len(route.element(record)) + 1  # and a comma
        reason = route.refusal_reason(record)
        if not reason and empty + size > max_bytes:
            reason = f"larger than a request may be ({max_bytes:,} bytes)"
        if reason:
            refused.append(Refusal(record, reason, sent=False))
            continue
        if request and (len(request) == max_records or filled + size > max_bytes):
            requests.append(tuple(request))
            request, filled = [], empty
        request.append(record)
        filled += size
    if request:
        requests.append(tuple(request))
    return Packing(tuple(requests), tuple(refused))
