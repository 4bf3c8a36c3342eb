"""How long a shard rests between two fetches, and how much the next one asks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from spark_kinesis.client import Record
from spark_kinesis.options import Limits

_FINEST = 20
"""A fetch asks for a 20th of the limit at least: each costs a rest, whatever it brings."""


@dataclass
class Pace:
    """The pace at which one shard is fetched.

    Attributes:
        limits: How fast that may be.
    """

    limits: Limits
    _next: float = float("-inf")

    def rest(self, now: float) -> float:
        """Return the seconds until the next fetch may begin.

        Args:
            now: Seconds of a clock that only goes forward.
        """
        return max(0.0, self._next - now)

    def fetched(self, began: float, size: int) -> None:
        """Take note of a fetch.

        Args:
            began: When it began.
            size: Bytes that it brought.
        """
        self._next = began + max(self.limits.period, size / self.limits.rate)


def next_limit(most: int, records: Sequence[Record], ends_at: int | None) -> int:
    """Return how many records to ask for, so that few are fetched beyond the end.

    Args:
        most: The limit of every fetch.
        records: What the last fetch brought.
        ends_at: About when the last wanted record arrived, in milliseconds since 1970; None where that is not known.
    """
    if ends_at is None or not records:
        return most
    first, last = (int(record["ApproximateArrivalTimestamp"]) for record in (records[0], records[-1]))
    # Arrival times are approximate: they may go back.
    expected = len(records) * (ends_at - last + 1) // max(1, last - first + 1)
    return min(most, max(expected, most // _FINEST, 1))
