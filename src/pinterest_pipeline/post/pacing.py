"""How fast rows go: a steady number a second by a clock that only goes forward."""

from collections.abc import Callable

# Rows that are due this soon go together: thousands a second are not as many wake-ups.
_GRAIN_SECONDS = 0.01
_MADE_UP_SECONDS = 1.0


class Pacer:
    """Lets the next row go when its time has come; the times do not drift, for each follows from the one before.

    After a stall no more than a second's rows are made up for.
    """

    def __init__(self, rate: float, clock: Callable[[], float], wait: Callable[[float], object]) -> None:
        """Begin now.

        Args:
            rate: How many a second; 0 for no limit.
            clock: Tells the seconds; only their differences matter.
            wait: Waits some seconds, or less where waiting has become pointless.
        """
        self._step = 1 / rate if rate else 0.0
        self._clock = clock
        self._wait = wait
        self._due = clock()

    def next(self) -> None:
        """Wait until the next row is due."""
        now = self._clock()
        self._due = max(self._due, now - _MADE_UP_SECONDS)
        if self._due - now > _GRAIN_SECONDS:
            self._wait(self._due - now)
        self._due += self._step
