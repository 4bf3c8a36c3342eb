"""Rows gather until they limits a request or the first of them has waited long enough."""

import time
from collections import deque
from dataclasses import dataclass
from threading import Condition, Event

from pinterest_pipeline.post.records import Record

# How many requests' worth of rows may wait: one to be filled while the one before is under way.
_REQUESTS_WAITING = 2
_LOOK_UP_SECONDS = 0.1


@dataclass(frozen=True)
class BatchLimits:
    """When a request's worth of rows is taken.

    Attributes:
        records: As soon as there are so many.
        size: Or so many bytes of them.
        linger: Or the first of them has waited so many seconds.
    """

    records: int
    size: int
    linger: float


class BatchBuffer:
    """Rows on their way from the thread that reads them to the one that sends them; bounded."""

    def __init__(self, limits: BatchLimits) -> None:
        """Begin empty."""
        self._limits = limits
        self._rows = deque[tuple[Record, float]]()
        self._bytes = 0
        self._closed = False
        self._changed = Condition()

    def put(self, record: Record, stop: Event) -> None:
        """Add a row, waiting while there is no room and `stop` is not set; after `close` it is dropped."""
        with self._changed:
            while self._is_full() and not self._closed and not stop.is_set():
                self._changed.wait(_LOOK_UP_SECONDS)
            if self._closed:
                return
            self._rows.append((record, time.monotonic()))
            self._bytes += len(record.value)
            # Only what ends or begins a wait: thousands of rows a second are not as many wake-ups.
            if len(self._rows) == 1 or self._is_enough():
                self._changed.notify_all()

    def close(self) -> None:
        """Take no more; what is there can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[Record]:
        """Wait for a request's worth of rows and take it; nothing once it is closed and empty."""
        with self._changed:
            while (wait := self._wait()) is None or wait > 0:
                self._changed.wait(wait)
            taken, size = list[Record](), 0
            while self._rows and len(taken) < self._limits.records and size < self._limits.size:
                record, _ = self._rows.popleft()
                taken.append(record)
                size += len(record.value)
            self._bytes -= size
            self._changed.notify_all()
            return taken

    def _wait(self) -> float | None:
        """Return the seconds until rows are to be taken; None where only another row or the end will tell."""
        if self._closed or self._is_enough():
            return 0.0
        if not self._rows:
            return None
        return self._rows[0][1] + self._limits.linger - time.monotonic()

    def _is_enough(self) -> bool:
        return len(self._rows) >= self._limits.records or self._bytes >= self._limits.size

    def _is_full(self) -> bool:
        return (
            len(self._rows) >= _REQUESTS_WAITING * self._limits.records
            or self._bytes >= _REQUESTS_WAITING * self._limits.size
        )
