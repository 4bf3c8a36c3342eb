"""One stream's way out: its rows go one request at a time, and what became of them is counted."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Event

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.client import HOPELESS, Outcome
from pinterest_pipeline.post.batch_buffer import BatchBuffer, BatchLimits
from pinterest_pipeline.post.latency import Latencies
from pinterest_pipeline.post.records import Record


@dataclass(frozen=True)
class StreamTally:
    """What happened to one entity's rows.

    Attributes:
        entity: Whose rows.
        sent: Rows that the API confirmed.
        repeated: Rows that were sent again though they may have been in: no more than these are in twice.
        dead: Rows now in the dead-letter file.
        waiting: Rows read whose end is not known yet; after a run that was stopped they may be in or not.
        requests: How many requests were answered.
        p50: Seconds that half of the requests waited for their answer at most.
        p99: Seconds that 99 of 100 requests waited at most.
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
    """Sends the rows of one entity, one request at a time: this is what keeps the order of a key.

    Attributes:
        entity: Whose rows.
    """

    def __init__(
        self,
        entity: Entity,
        limits: BatchLimits,
        post: Callable[[list[Record]], Outcome],
        keep: Callable[["StreamWorker", Outcome], None],
    ) -> None:
        """Begin with nothing sent.

        Args:
            entity: Whose rows.
            limits: When a request's worth of rows goes.
            post: Sends rows until each is in or never passes.
            keep: Told what became of some rows, from the thread that runs the worker.
        """
        self.entity = entity
        self._rows = BatchBuffer(limits)
        self._post = post
        self._keep = keep
        self._read = self._sent = self._repeated = self._dead = self._requests = 0
        self._hopeless = 0
        self._latencies = Latencies()

    @property
    def tally(self) -> StreamTally:
        """What happened so far."""
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
        """Give it a row to send; waits while there is no room, until `stop` is set."""
        self._read += 1
        self._rows.put(record, stop)

    def close(self) -> None:
        """Take no more rows; the worker ends when it has sent what it has."""
        self._rows.close()

    def run(self) -> None:
        """Send rows until there will be no more.

        Raises:
            StoppedError: The client was told to stop.
            PostError: The API refuses or fails for good.
        """
        try:
            while rows := self._rows.take():
                self._count(self._post(rows))
        finally:
            # Nobody must wait for room in a worker that has ended.
            self._rows.close()

    def _count(self, outcome: Outcome) -> None:
        self._hopeless = 0 if outcome.posted else self._hopeless + sum(refusal.sent for refusal in outcome.refused)
        if self._hopeless >= HOPELESS:
            raise PostError(
                f"the API refused {self._hopeless} rows of {self.entity.name} in a row, the last one for: "
                f"{outcome.refused[-1].reason}. Check --api and what is behind it"
            )
        self._sent += outcome.posted
        self._repeated += outcome.repeated
        self._dead += len(outcome.refused)
        self._requests += len(outcome.answered)
        for seconds in outcome.answered:
            self._latencies.add(seconds)
        self._keep(self, outcome)
