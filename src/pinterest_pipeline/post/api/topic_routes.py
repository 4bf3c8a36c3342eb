"""The route to a Kafka topic: the Kafka REST proxy's v2 API."""

import sys
from typing import Any, ClassVar

from pinterest_pipeline.post.api.route import Result, Route
from pinterest_pipeline.post.records import Record

# The proxy's codes in a record's place. Its documentation has 1 for an error that stays and 2 for one that may pass;
# else they are those of its error bodies, an HTTP status and two digits: 50002 and 50003 for the same two.
_STAYS = frozenset({1, 50002})
_MAY_PASS = frozenset({2})
_STATUSES_OF_CALLER_OR_TOPIC = frozenset({401, 403, 404})
_STATUSES_THAT_MAY_PASS = frozenset({408, 429, *range(500, 600)})


class TopicRoute(Route):
    """Many records a request, each with its key."""

    method = "POST"
    headers: ClassVar = {
        "Content-Type": "application/vnd.kafka.json.v2+json",
        "Accept": "application/vnd.kafka.v2+json",
    }
    envelope = ('{"records":[', "]}")
    # The body's size is the only limit here; the broker's own comes back as a refused record.
    most_records = most_record_bytes = sys.maxsize
    speaker = "a Kafka REST proxy"
    missing = "there is no such topic there: check --api with its stage, --prefix, and that the topics are made"
    go_on = "What is confirmed is kept: run the same command again to go on from there"

    @property
    def path(self) -> str:
        """The path below the API's address."""
        return f"/topics/{self.name}"

    def key(self, record: Record) -> str:
        """Return the record's key as JSON."""
        return "null" if record.key is None else str(record.key)

    def element(self, record: Record) -> str:
        """Write a record as it stands in a request's body."""
        return f'{{"key":{self.key(record)},"value":{record.value}}}'

    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the proxy's answer."""
        return [_result(offset["error_code"], offset.get("error")) for offset in document["offsets"]]


def _result(code: int | None, error: object) -> Result:
    if not code:
        return Result()
    status = code // 100
    again = code in _MAY_PASS or (status in _STATUSES_THAT_MAY_PASS and code not in _STAYS)
    # It may be in: a broker may have written what the proxy gave up waiting for.
    return Result(
        f"error_code {code}: {error}", again=again, maybe_in=True, hopeless=status in _STATUSES_OF_CALLER_OR_TOPIC
    )
