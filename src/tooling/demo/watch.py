"""The demo's live counters: how many rows each stage has seen so far, drawn in the terminal while everything runs."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Event, Thread

from pyspark.sql.streaming.listener import (
    QueryProgressEvent,
    QueryStartedEvent,
    QueryTerminatedEvent,
    StreamingQueryListener,
)
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table

from pinterest_pipeline.entities import ENTITIES, Entity
from tooling.local_cloud.errors import LocalCloudError

POSTED, LANDED, SENT, STREAMED, RAW, REFINED = "posted", "in S3", "sent to streams", "in Kinesis", "raw", "refined"

_STAGES = (POSTED, LANDED, SENT, STREAMED, RAW, REFINED)
_QUERIES = {"ingest": (RAW,), "refine": (REFINED,), "stream": (RAW, REFINED)}
_DRAWN_A_SECOND = 4
_LOOK_SECONDS = 1.0

Look = Callable[[Entity], int]
"""Returns how many of an entity's rows a stage has now."""


class Watch:
    """Counts rows by stage and entity; thread-safe.

    Args:
        console: Draws the counters, if it is a terminal.
    """

    def __init__(self, console: Console) -> None:
        """Begin with nothing."""
        self._console = console
        self._counts: Counter[tuple[str, str]] = Counter()
        self._doing = Spinner("dots", "starting")

    def set(self, stage: str, entity: Entity, rows: int) -> None:
        """Set how many rows a stage has seen."""
        self._counts[stage, entity.name] = rows

    def say(self, doing: str) -> None:
        """Show the current activity."""
        self._doing.update(text=doing)

    @contextmanager
    def drawn(self) -> Iterator[None]:
        """Draw the counters under everything else that is printed, for as long as the block runs."""
        if not self._console.is_terminal:
            yield
            return
        with Live(
            get_renderable=self._table, console=self._console, refresh_per_second=_DRAWN_A_SECOND, transient=True
        ):
            yield

    @contextmanager
    def looking(self, looks: Mapping[str, Look]) -> Iterator[None]:
        """Poll stages that do not report their progress, while the block runs.

        Args:
            looks: Returns a count, by stage.
        """
        over = Event()
        looker = Thread(target=self._look, args=(looks, over), name="watch", daemon=True)
        looker.start()
        try:
            yield
        finally:
            over.set()
            looker.join()

    @property
    def listener(self) -> StreamingQueryListener:
        """The listener of the progress of Spark's queries."""
        return _Listener(self._counts)

    def _look(self, looks: Mapping[str, Look], over: Event) -> None:
        while not over.wait(_LOOK_SECONDS):
            for stage, look in looks.items():
                # The thread that waits for the local cloud reports its errors: a counter only stops, and continues
                # on where a busy machine had not answered in time.
                with suppress(LocalCloudError):
                    for entity in ENTITIES:
                        self.set(stage, entity, look(entity))

    def _table(self) -> RenderableType:
        table = Table("rows so far", *(entity.name for entity in ENTITIES), box=None, padding=(0, 2))
        for column in table.columns[1:]:
            column.justify = "right"
        for stage in _STAGES:
            table.add_row(stage, *(f"{self._counts[stage, entity.name]:,}" for entity in ENTITIES))
        return Group(self._doing, table)


class _Listener(StreamingQueryListener):
    """Adds up the input rows of the queries; their names hold stage, origin and entity."""

    def __init__(self, counts: Counter[tuple[str, str]]) -> None:
        self._counts = counts

    def onQueryProgress(self, event: QueryProgressEvent) -> None:
        stage, _, entity = str(event.progress.name).split()
        for counted in _QUERIES[stage]:
            self._counts[counted, entity] += event.progress.numInputRows

    def onQueryStarted(self, event: QueryStartedEvent) -> None:
        """Nothing to count."""

    def onQueryTerminated(self, event: QueryTerminatedEvent) -> None:
        """Nothing to count."""
