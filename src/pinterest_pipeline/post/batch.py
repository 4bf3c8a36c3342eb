"""Posts the three tables to their topics, with concurrent requests and progress that survives a crash."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.client import MAX_REFUSED_IN_A_ROW, ApiClient, Outcome, Pace
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.dead_letters import append_dead_letters
from pinterest_pipeline.post.progress import Checkpoint, Progress, open_progress
from pinterest_pipeline.post.records import Page, Record
from pinterest_pipeline.post.source.opening import Source

_Work = TypeVar("_Work")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class PostSettings:
    """The settings of a run.

    Attributes:
        api: The API's URL, with its stage.
        names: Topic names.
        progress: The progress file.
        dead_letters: The dead-letter file, for records that cannot be posted.
        pace: Limits of requests; after a crash at most the records in flight are posted twice.
        auth: Authenticates the requests.
        insecure_http: Whether plain http to another machine is allowed.
        restart: Whether to discard the progress of earlier runs.
    """

    api: str
    names: Names
    progress: Path = Path(".pinterest/progress.json")
    dead_letters: Path = Path(".pinterest/dead-letters.jsonl")
    pace: Pace = field(default_factory=Pace)
    auth: httpx.Auth | None = None
    insecure_http: bool = False
    restart: bool = False


@dataclass(frozen=True)
class Tally:
    """The counts of one entity's rows.

    Attributes:
        entity: The entity.
        rows: Rows in the source at the start of the run.
        already: Rows that earlier runs posted.
        dead_already: Rows that earlier runs wrote to the dead-letter file.
        read: Rows that this run completed.
        posted: Of these, rows that the API confirmed.
        dead: Of these, rows in the dead-letter file.
        repeated: Rows that this run sent again though they may have been written: an upper bound of duplicates.
    """

    entity: Entity
    rows: int
    already: int = 0
    dead_already: int = 0
    read: int = 0
    posted: int = 0
    dead: int = 0
    repeated: int = 0

    def plus(self, records: Sequence[Record], outcome: Outcome) -> "Tally":
        """Return the tally with the outcome of more records added."""
        return replace(
            self,
            read=self.read + len(records),
            posted=self.posted + outcome.posted,
            dead=self.dead + len(outcome.refused),
            repeated=self.repeated + outcome.repeated,
        )


def post_batch(
    source: Source, settings: PostSettings, on_progress: Callable[[Tally], None] = lambda _: None
) -> tuple[Tally, ...]:
    """Post every row of the source that earlier runs have not posted.

    Args:
        source: The source of the rows.
        settings: The settings of the run.
        on_progress: Called at the start of each entity and whenever more of it is confirmed.

    Returns:
        A tally for each entity.

    Raises:
        SettingsError: A setting cannot be used, or another run holds the progress file.
        SourceError: The source cannot be read, or the part that earlier runs read has changed.
        PostError: The API refuses or fails permanently, and the next run resumes where this one stopped; or the source
            has rows before that position, which are posted only with `restart`.
    """
    with ExitStack() as stack:
        client = stack.enter_context(
            ApiClient(settings.api, settings.pace, auth=settings.auth, insecure_http=settings.insecure_http)
        )
        progress = stack.enter_context(open_progress(settings.progress))
        pool = stack.enter_context(ThreadPoolExecutor(settings.pace.in_flight, thread_name_prefix="post"))
        # An early exit, by an error or Ctrl-C, must not wait for threads that wait before a retry.
        stack.callback(client.stop)
        run = _Run(source, settings, progress, client, pool, on_progress)
        tallies = [run.begin(entity) for entity in ENTITIES]
        return tuple(run.post(tally) for tally in tallies)


def in_order(
    work: Iterable[_Work], submit: Callable[[_Work], Future[_Result]], window: int
) -> Iterator[tuple[_Work, _Result]]:
    """Run at most `window` pieces of work concurrently and yield their results in submission order.

    All work before a yielded piece is done, so progress may advance to it.
    """
    running: deque[tuple[_Work, Future[_Result]]] = deque()
    for piece in work:
        running.append((piece, submit(piece)))
        while running and (len(running) == window or running[0][1].done()):
            done, future = running.popleft()
            yield done, future.result()
    for done, future in running:
        yield done, future.result()


@dataclass(frozen=True)
class _Run:
    source: Source
    settings: PostSettings
    progress: Progress
    client: ApiClient
    pool: ThreadPoolExecutor
    on_progress: Callable[[Tally], None]

    def begin(self, entity: Entity) -> Tally:
        if self.settings.restart:
            self.progress.save(self._name(entity), Checkpoint())
        checkpoint = self.progress.checkpoint(self._name(entity))
        return Tally(entity, self.source.count(entity), checkpoint.posted, checkpoint.dead)

    def post(self, tally: Tally) -> Tally:
        entity = tally.entity
        route = TopicRoute(self.settings.names.topic(entity))
        checkpoint = self.progress.checkpoint(self._name(entity))
        pages = self.source.pages(entity, checkpoint.place, self.settings.pace.records_per_request)
        self.on_progress(tally)
        # The newest record of a key wins, by Kafka's order: no later page may overtake an earlier one.
        window = 1 if self.source.repeats_keys else self.settings.pace.in_flight
        for page, outcome in in_order(pages, partial(self._submit, route), window):
            _check_refusals(route.name, outcome)
            checkpoint = self._confirm(entity, checkpoint, page, outcome)
            tally = tally.plus(page.records, outcome)
            self.on_progress(tally)
        _check_complete(tally)
        return tally

    def _submit(self, route: TopicRoute, page: Page) -> Future[Outcome]:
        return self.pool.submit(self.client.post, route, page.records)

    def _confirm(self, entity: Entity, checkpoint: Checkpoint, page: Page, outcome: Outcome) -> Checkpoint:
        # In this order: after a crash a dead letter may be written twice, but is never missing.
        append_dead_letters(self.settings.dead_letters, entity, outcome.refused)
        checkpoint = Checkpoint(
            page.last.position,
            checkpoint.posted + outcome.posted,
            checkpoint.dead + len(outcome.refused),
            page.last.check,
        )
        self.progress.save(self._name(entity), checkpoint)
        return checkpoint

    def _name(self, entity: Entity) -> str:
        return f"{self.source.name} -> {self.client.url}/topics/{self.settings.names.topic(entity)}"


def _check_complete(tally: Tally) -> None:
    """Raise an error if rows were inserted before the position that earlier runs had reached."""
    missed = tally.rows - tally.already - tally.dead_already - tally.read
    if missed > 0:
        raise PostError(
            f"{missed:,} rows of {tally.entity.source_table} are before the position where earlier runs stopped; "
            "run again with --restart (rows posted twice become one row in the clean table)"
        )


def _check_refusals(topic: str, outcome: Outcome) -> None:
    """Raise an error before a wrong API or mapping sends the whole source to the dead letters."""
    refusals = [refusal for refusal in outcome.refused if refusal.sent]
    if outcome.posted == 0 and len(refusals) >= MAX_REFUSED_IN_A_ROW:
        raise PostError(
            f"the API refused all {len(refusals)} records of a page for {topic}: {refusals[0].reason}. "
            "Check --api and its backend; if these records are really all bad, "
            f"post with --records-per-request below {MAX_REFUSED_IN_A_ROW}"
        )
