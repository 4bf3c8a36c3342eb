"""Buffers rows until they fill a request or the first of them has waited long enough."""

import time
from collections import deque
from dataclasses import dataclass
from threading import Condition, Event

from pinterest_pipeline.post.records import Record

# Capacity in requests: one is filled while the previous one is in flight.
_REQUESTS_WAITING = 2
_POLL_SECONDS = 0.1


@dataclass(frozen=True)
class BatchLimits:
    """When a batch of rows is ready.

    Attributes:
        records: When it has this many records.
        size: Or this many bytes.
        linger: Or its first record has waited this many seconds.
    """

    records: int
    size: int
    linger: float


class BatchBuffer:
    """A bounded buffer between the thread that reads rows and the one that sends them."""

    def __init__(self, limits: BatchLimits) -> None:
        """Create an empty buffer."""
        self._limits = limits
        self._rows = deque[tuple[Record, float]]()
        self._bytes = 0
        self._closed = False
        self._changed = Condition()

    def put(self, record: Record, stop: Event) -> None:
        """Add a row; block while the buffer is full and `stop` is not set; after `close` the row is dropped."""
        with self._changed:
            while self._is_full() and not self._closed and not stop.is_set():
                self._changed.wait(_POLL_SECONDS)
            if self._closed:
                return
            self._rows.append((record, time.monotonic()))
            self._bytes += len(record.value)
            # Notify only when a wait starts or ends: thousands of rows a second must not be as many wake-ups.
            if len(self._rows) == 1 or self._is_enough():
                self._changed.notify_all()

    def close(self) -> None:
        """Accept no more rows; buffered rows can still be taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def take(self) -> list[Record]:
        """Wait for a batch of rows and return it; an empty one after the buffer is closed and drained."""
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
        """Return the seconds until the batch is ready; None to wait for another row or `close`."""
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
