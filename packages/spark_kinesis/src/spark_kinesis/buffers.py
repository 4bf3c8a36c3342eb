"""What several threads fetch, for one reader: no more ahead than a bound of bytes."""

from collections import deque
from collections.abc import Iterator
from threading import Condition

import pyarrow as pa


class StoppedError(Exception):
    """Raised in a fetching thread when nobody reads any more."""


class Buffer:
    """Takes batches from threads and gives them to one reader.

    Args:
        threads: How many threads put batches in.
        most: Bytes that may wait; a single batch always may.
    """

    def __init__(self, threads: int, most: int) -> None:
        """Hold nothing."""
        self._running = threads
        self._most = most
        self._held = 0
        self._waiting: deque[pa.RecordBatch] = deque()
        self._error: BaseException | None = None
        self._stopped = False
        self._changed = Condition()

    def put(self, batch: pa.RecordBatch) -> None:
        """Add a batch; wait while there is no room.

        Raises:
            StoppedError: Nobody reads any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or not self._held or self._held + batch.nbytes <= self._most)
            self._check()
            self._waiting.append(batch)
            self._held += batch.nbytes
            self._changed.notify_all()

    def rest(self, seconds: float) -> None:
        """Wait so many seconds.

        Raises:
            StoppedError: Nobody reads any more.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._stopped, seconds)
            self._check()

    def end(self, error: BaseException | None = None) -> None:
        """Say that a thread ended.

        Args:
            error: Why it could not finish, where it could not.
        """
        with self._changed:
            self._running -= 1
            self._error = self._error or error
            self._changed.notify_all()

    def stop(self) -> None:
        """Let the threads end: nobody reads any more."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def drain(self) -> Iterator[pa.RecordBatch]:
        """Yield batches until all threads ended.

        Raises:
            BaseException: What a thread ended with.
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
