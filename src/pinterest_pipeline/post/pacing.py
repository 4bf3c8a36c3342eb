"""A rate limiter for rows, by a monotonic clock."""

from collections.abc import Callable

# Rows due within this time are sent together: thousands a second must not be as many wake-ups.
_GRAIN_SECONDS = 0.01
_MAX_CATCH_UP_SECONDS = 1.0


class Pacer:
    """Delays each row until it is due; due times do not drift, since each follows from the previous one.

    After a stall it catches up at most one second's rows.
    """

    def __init__(self, rate: float, clock: Callable[[], float], wait: Callable[[float], object]) -> None:
        """Start now.

        Args:
            rate: Rows per second; 0 for no limit.
            clock: A monotonic clock, in seconds.
            wait: Waits some seconds, or less if posting ends.
        """
        self._step = 1 / rate if rate else 0.0
        self._clock = clock
        self._wait = wait
        self._due = clock()

    def next(self) -> None:
        """Wait until the next row is due."""
        now = self._clock()
        self._due = max(self._due, now - _MAX_CATCH_UP_SECONDS)
        if self._due - now > _GRAIN_SECONDS:
            self._wait(self._due - now)
        self._due += self._step
