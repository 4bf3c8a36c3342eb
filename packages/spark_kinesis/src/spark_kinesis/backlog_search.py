"""Finds the end of a backlog by arrival time, one record per probe, without reading the records between.

Pure except for `probe`.
"""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """A record, and how far it lags the newest one.

    Attributes:
        sequence: Its sequence number.
        arrived: When it arrived, in milliseconds since 1970.
        lag: Milliseconds between it and the newest record; 0 if it is the newest.
    """

    sequence: str
    arrived: int
    lag: int


Probe = Callable[[int], Found | None]
"""Returns the first record that arrived at or after a time."""

TOLERANCE = 1_000
"""Milliseconds that a found end may precede the newest record, unless it must be exact."""


def find_end(probe: Probe, last: Found, tolerance: int = TOLERANCE, until: int | None = None) -> Found:
    """Return a record near the newest one.

    The server's current time is a record's arrival plus its lag; no other clock is used. From there the search steps
    back, twice as far each time, until it finds a record, and then bisects.

    Args:
        probe: Reads one record.
        last: The last record that was read.
        tolerance: Milliseconds that the result may precede the newest record; 1 is exact except for records that
            arrived in the same millisecond.
        until: Stop at the first record that arrived at or after this time, if there is one.

    Returns:
        The found record; `last` if there is none after it.
    """
    low, high, step = last, last.arrived + last.lag, TOLERANCE
    # Kinesis refuses a time in the future, by the clock of the server that handles the call.
    if until is not None and until < high - TOLERANCE:
        found = _if_after(probe(until), low)
        if found:
            return found
        high = until
    while low.lag and high - low.arrived > tolerance:
        middle = max((low.arrived + high) // 2, high - step)
        found = _if_after(probe(middle), low)
        if found:
            low = found
        else:
            high = middle
            step *= 2
    return low


def _if_after(found: Found | None, low: Found) -> Found | None:
    # Arrival times are approximate: only sequence numbers give the order.
    return found if found and int(found.sequence) > int(low.sequence) else None
