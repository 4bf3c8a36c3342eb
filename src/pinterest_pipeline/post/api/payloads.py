"""Records are cut into requests, none larger than the API takes."""

from collections.abc import Iterable
from dataclasses import dataclass

from pinterest_pipeline.post.api.route import Refusal, Route
from pinterest_pipeline.post.records import Record

MOST_BYTES = 9_500_000
"""The largest body sent. API Gateway refuses more than 10 MB and this quota cannot be raised ("Payload size" in
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html); the
rest is room for headers and for MB being read either way."""


@dataclass(frozen=True)
class Packing:
    """Records cut into requests.

    Attributes:
        requests: The records of each request, in order.
        refused: Records that no request can hold.
    """

    requests: tuple[tuple[Record, ...], ...]
    refused: tuple[Refusal, ...]


def pack(records: Iterable[Record], route: Route, most_records: int, most_bytes: int = MOST_BYTES) -> Packing:
    """Cut records into requests of at most `most_records` records and `most_bytes` bytes of body."""
    most_records = min(most_records, route.most_records)
    requests: list[tuple[Record, ...]] = []
    refused: list[Refusal] = []
    request: list[Record] = []
    empty = filled = sum(map(len, route.envelope))
    for record in records:
        size = len(route.element(record)) + 1  # and a comma
        reason = route.never(record)
        if not reason and empty + size > most_bytes:
            reason = f"larger than a request may be ({most_bytes:,} bytes)"
        if reason:
            refused.append(Refusal(record, reason, sent=False))
            continue
        if request and (len(request) == most_records or filled + size > most_bytes):
            requests.append(tuple(request))
            request, filled = [], empty
        request.append(record)
        filled += size
    if request:
        requests.append(tuple(request))
    return Packing(tuple(requests), tuple(refused))
