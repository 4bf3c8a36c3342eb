"""The time between two fetches of a shard, and the number of records to request."""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_kinesis.client import Record
from spark_kinesis.options import Limits

_SMALLEST_SHARE = 20
"""A fetch requests at least a 20th of the limit: every fetch costs a wait, however few records it returns."""


@dataclass
class Pace:
    """The rate at which one shard is fetched.

    Attributes:
        limits: Its limits.
    """

    limits: Limits
    _next: float = float("-inf")

    def rest(self, now: float) -> float:
        """Return the seconds until the next fetch may begin.

        Args:
            now: The time of a monotonic clock, in seconds.
        """
        return max(0.0, self._next - now)

    def fetched(self, began: float, size: int) -> None:
        """Record a fetch.

        Args:
            began: When it began.
            size: Bytes that it returned.
        """
        self._next = began + max(self.limits.period, size / self.limits.rate)


def next_limit(limit: int, records: Sequence[Record], ends_at: int | None) -> int:
    """Return how many records to request, so that few are fetched past the end.

    Args:
        limit: The limit of every fetch.
        records: The records of the last fetch.
        ends_at: About when the last wanted record arrived, in milliseconds since 1970; None if unknown.
    """
    if ends_at is None or not records:
        return limit
    first, last = (int(record["ApproximateArrivalTimestamp"]) for record in (records[0], records[-1]))
    # Arrival times are approximate: they may go back.
    expected = len(records) * (ends_at - last + 1) // max(1, last - first + 1)
    return min(limit, max(expected, limit // _SMALLEST_SHARE, 1))
