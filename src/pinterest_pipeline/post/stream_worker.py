"""Sends one stream's rows, one request at a time, and counts the outcomes."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.client import MAX_REFUSED_IN_A_ROW, Outcome
from pinterest_pipeline.post.batch_buffer import BatchBuffer, BatchLimits
from pinterest_pipeline.post.latency import Latencies
from pinterest_pipeline.post.records import Record


@dataclass(frozen=True)
class StreamTally:
    """The counts of one entity's rows.

    Attributes:
        entity: The entity.
        sent: Rows that the API confirmed.
        repeated: Rows sent again though they may have been written: an upper bound of duplicates.
        dead: Rows in the dead-letter file.
        waiting: Rows read but not completed; after an interrupted run they may or may not have been posted.
        requests: Number of answered requests.
        p50: Median latency of requests, in seconds.
        p99: 99th percentile of the latency, in seconds.
    """

    entity: Entity
    sent: int = 0
    repeated: int = 0
    dead: int = 0
    waiting: int = 0
    requests: int = 0
    p50: float = 0.0
    p99: float = 0.0


class StreamWorker:
    """Sends the rows of one entity, one request at a time, to preserve the order of each key.

    Attributes:
        entity: The entity.
    """

    def __init__(
        self,
        entity: Entity,
        limits: BatchLimits,
        post: Callable[[list[Record]], Outcome],
        keep: Callable[["StreamWorker", Outcome], None],
    ) -> None:
        """Create a worker; nothing is sent yet.

        Args:
            entity: The entity.
            limits: When a batch of rows is sent.
            post: Sends rows until each is accepted or refused.
            keep: Called with the outcome of rows, in the thread that runs the worker.
        """
        self.entity = entity
        self._rows = BatchBuffer(limits)
        self._post = post
        self._keep = keep
        self._read = self._sent = self._repeated = self._dead = self._requests = 0
        self._refused_in_a_row = 0
        self._latencies = Latencies()

    @property
    def tally(self) -> StreamTally:
        """The counts so far."""
        return StreamTally(
            self.entity,
            sent=self._sent,
            repeated=self._repeated,
            dead=self._dead,
            waiting=self._read - self._sent - self._dead,
            requests=self._requests,
            p50=self._latencies.percentile(0.5),
            p99=self._latencies.percentile(0.99),
        )

    def put(self, record: Record, stop: Event) -> None:
        """Add a row to send; blocks while the buffer is full, until `stop` is set."""
        self._read += 1
        self._rows.put(record, stop)

    def close(self) -> None:
        """Accept no more rows; the worker ends when it has sent its rows."""
        self._rows.close()

    def run(self) -> None:
        """Send rows until the worker is closed.

        Raises:
            StoppedError: The client was stopped.
            PostError: The API refuses or fails permanently.
        """
        try:
            while rows := self._rows.take():
                self._count(self._post(rows))
        finally:
            # No thread must wait for room in a worker that has ended.
            self._rows.close()

    def _count(self, outcome: Outcome) -> None:
        self._refused_in_a_row = (
            0 if outcome.posted else self._refused_in_a_row + sum(refusal.sent for refusal in outcome.refused)
        )
        if self._refused_in_a_row >= MAX_REFUSED_IN_A_ROW:
            raise PostError(
                f"the API refused {self._refused_in_a_row} rows of {self.entity.name} in a row, the last one for: "
                f"{outcome.refused[-1].reason}. Check --api and its backend"
            )
        self._sent += outcome.posted
        self._repeated += outcome.repeated
        self._dead += len(outcome.refused)
        self._requests += len(outcome.answered)
        for seconds in outcome.answered:
            self._latencies.add(seconds)
        self._keep(self, outcome)
