"""Finding where a backlog ends, by time, a record a look: what lies between is not read. Pure but for `look`."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Seen:
    """A record that was seen, and how far behind the newest it is.

    Attributes:
        sequence: Its sequence number.
        arrived: When it arrived, in milliseconds since 1970.
        behind: Milliseconds between it and the newest record; 0 where it is the newest.
    """

    sequence: str
    arrived: int
    behind: int


Look = Callable[[int], Seen | None]
"""Returns the first record that arrived at a time or later."""

TOLERANCE = 1_000
"""Milliseconds that a found end may lie before the newest record where it need not be exact."""


def find_end(look: Look, last: Seen, tolerance: int = TOLERANCE, until: int | None = None) -> Seen:
    """Return a record near the newest one.

    The server's present is the arrival of a record plus how far it is behind: no other clock is asked. From there the
    search steps back, twice as far each time, until there is a record, and then halves what is left.

    Args:
        look: Looks at a record.
        last: The last record that was read; the newest is behind it.
        tolerance: Milliseconds before the newest that are near enough; 1 is exact but for records that arrived in the
            same millisecond.
        until: The first record that arrived then or later is enough, if there is one.

    Returns:
        The found record; `last` where there is none behind it.
    """
    low, high, step = last, last.arrived + last.behind, TOLERANCE
    # Kinesis refuses a time in the future, by the clock of whichever server is asked.
    if until is not None and until < high - TOLERANCE:
        enough = _behind(look(until), low)
        if enough:
            return enough
        high = until
    while low.behind and high - low.arrived > tolerance:
        moment = max((low.arrived + high) // 2, high - step)
        found = _behind(look(moment), low)
        if found:
            low = found
        else:
            high = moment
            step *= 2
    return low


def _behind(found: Seen | None, low: Seen) -> Seen | None:
    # Arrival times are approximate: only the sequence number says what comes later.
    return found if found and int(found.sequence) > int(low.sequence) else None
