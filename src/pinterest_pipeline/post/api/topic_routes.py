"""The route to a Kafka topic: the Kafka REST proxy's v2 API."""

import sys
from typing import Any, ClassVar

from pinterest_pipeline.post.api.route import Result, Route
from pinterest_pipeline.post.records import Record

# The proxy's error codes of a record. Its documentation has 1 for a permanent error and 2 for a retriable one; the
# others are those of its error bodies, an HTTP status and two digits: 50002 and 50003 for the same two.
_PERMANENT = frozenset({1, 50002})
_RETRIABLE = frozenset({2})
_FATAL_STATUSES = frozenset({401, 403, 404})
_RETRIABLE_STATUSES = frozenset({408, 429, *range(500, 600)})


class TopicRoute(Route):
    """Many records per request, each with its key."""

    method = "POST"
    headers: ClassVar = {
        "Content-Type": "application/vnd.kafka.json.v2+json",
        "Accept": "application/vnd.kafka.v2+json",
    }
    envelope = ('{"records":[', "]}")
    # Only the body's size is limited here; the broker's limit comes back as a refused record.
    max_records = max_record_bytes = sys.maxsize
    peer_name = "a Kafka REST proxy"
    missing = "there is no such topic: check --api with its stage, --prefix, and that the topics exist"
    resume_hint = "Progress is kept: run the same command again to resume"

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/topics/{self.name}"

    def key(self, record: Record) -> str:
        """Return the record's key as JSON."""
        return "null" if record.key is None else str(record.key)

    def element(self, record: Record) -> str:
        """Return a record as an element of a request's body."""
        return f'{{"key":{self.key(record)},"value":{record.value}}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the proxy's response."""
        return [_result(offset["error_code"], offset.get("error")) for offset in document["offsets"]]


def _result(code: int | None, error: object) -> Result:
    if not code:
        return Result()
    status = code // 100
    retry = code in _RETRIABLE or (status in _RETRIABLE_STATUSES and code not in _PERMANENT)
    # It may be written: the proxy may have given up waiting before the broker wrote it.
    return Result(f"error_code {code}: {error}", retry=retry, maybe_written=True, fatal=status in _FATAL_STATUSES)
