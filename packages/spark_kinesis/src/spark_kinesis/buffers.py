"""A buffer between several fetching threads and one reader, bounded in bytes."""

from collections import deque
from collections.abc import Iterator
from threading import Condition

import pyarrow as pa


class StoppedError(Exception):
    """Raised in a fetching thread after the reader has stopped."""


class Buffer:
    """Passes batches from threads to one reader.

    Args:
        threads: The number of threads that put batches in.
        capacity: Maximum bytes in the buffer; a single batch of any size always fits.
    """

    def __init__(self, threads: int, capacity: int) -> None:
        """Create an empty buffer."""
        self._running = threads
        self._capacity = capacity
        self._held = 0
        self._waiting: deque[pa.RecordBatch] = deque()
        self._error: BaseException | None = None
        self._stopped = False
        self._changed = Condition()

    def put(self, batch: pa.RecordBatch) -> None:
        """Add a batch; block while the buffer is full.

        Raises:
            StoppedError: The reader has stopped.
        """
        with self._changed:
            self._changed.wait_for(
                lambda: self._stopped or not self._held or self._held + batch.nbytes <= self._capacity
            )
            self._check()
            self._waiting.append(batch)
            self._held += batch.nbytes
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Wait so many seconds.

        Raises:
            StoppedError: The reader has stopped.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
            self._check()

    def end(self, error: BaseException | None = None) -> None:
        """Report that a thread ended.

        Args:
            error: The error that ended it, if one did.
        """
        with self._changed:
            self._running -= 1
            self._error = self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Stop the threads: the reader has stopped."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def drain(self) -> Iterator[pa.RecordBatch]:
        """Yield batches until all threads have ended.

        Raises:
            BaseException: The error that ended a thread.
        """
        while batch := self._next():
            yield batch

    def _next(self) -> pa.RecordBatch | None:
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or self._error or not self._running)
            if self._error:
                raise self._error
            if not self._waiting:
                return None
            batch = self._waiting.popleft()
            self._held -= batch.nbytes
            self._changed.notify_all()
            return batch

    def _check(self) -> None:
        if self._stopped:
            raise StoppedError
