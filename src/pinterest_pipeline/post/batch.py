"""Post the three tables to their topics: several requests in flight, progress that survives a kill."""

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
from pinterest_pipeline.post.api.client import HOPELESS, ApiClient, Outcome, Pace
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.dead_letters import append_dead_letters
from pinterest_pipeline.post.progress import Checkpoint, Progress, open_progress
from pinterest_pipeline.post.records import Page, Record
from pinterest_pipeline.post.source.opening import Source

_Work = TypeVar("_Work")
_Result = TypeVar("_Result")


@dataclass(frozen=True)
class PostSettings:
    """How to post.

    Attributes:
        api: The API's URL, with its stage.
        names: Topic names.
        progress: The file that progress is kept in.
        dead_letters: The file that takes records which can never pass.
        pace: How much at once; a kill makes no more than what is in flight go twice.
        auth: Proves the caller to the API.
        insecure_http: Whether plain http may go to another machine.
        restart: Whether to forget what was posted before.
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
    """What happened to one entity's rows.

    Attributes:
        entity: Whose rows.
        rows: Rows in the source when the run began.
        already: Rows that earlier runs posted.
        dead_already: Rows that earlier runs put into the dead-letter file.
        read: Rows that this run read and knows the end of.
        posted: Of these, rows that the API confirmed.
        dead: Of these, rows now in the dead-letter file.
        repeated: Rows that this run sent again though they may have been in: no more than these are in twice.
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
        """Return the tally with what became of some more records."""
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
        source: Where the rows come from.
        settings: Where they go and how.
        on_progress: Called at the start of each entity and whenever more of it is confirmed.

    Returns:
        A tally for each entity.

    Raises:
        SettingsError: A setting cannot be used, or another run has the progress file.
        SourceError: The source cannot be read, or what earlier runs read of it has changed.
        PostError: The API refuses or fails for good, and a new run goes on where this one stopped; or the source has
            rows that no run will come to without `restart`.
    """
    with ExitStack() as stack:
        client = stack.enter_context(
            ApiClient(settings.api, settings.pace, auth=settings.auth, insecure_http=settings.insecure_http)
        )
        progress = stack.enter_context(open_progress(settings.progress))
        pool = stack.enter_context(ThreadPoolExecutor(settings.pace.in_flight, thread_name_prefix="post"))
        # Leaving early, by an error or Ctrl-C, must not wait for threads that wait to try again.
        stack.callback(client.stop)
        run = _Run(source, settings, progress, client, pool, on_progress)
        beginnings = [run.begin(entity) for entity in ENTITIES]
        return tuple(run.post(beginning) for beginning in beginnings)


def in_order(
    work: Iterable[_Work], submit: Callable[[_Work], Future[_Result]], window: int
) -> Iterator[tuple[_Work, _Result]]:
    """Have at most `window` pieces of work under way and yield them in order, whatever order they end in.

    Work that is yielded follows on no work that is not: it is what progress may be moved to.
    """
    under_way: deque[tuple[_Work, Future[_Result]]] = deque()
    for piece in work:
        under_way.append((piece, submit(piece)))
        while under_way and (len(under_way) == window or under_way[0][1].done()):
            done, future = under_way.popleft()
            yield done, future.result()
    for done, future in under_way:
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
        # The newest record of a key wins, and Kafka's order says which that is: no later page may overtake.
        window = 1 if self.source.repeats_keys else self.settings.pace.in_flight
        for page, outcome in in_order(pages, partial(self._submit, route), window):
            _check_hope(route.name, outcome)
            checkpoint = self._confirm(entity, checkpoint, page, outcome)
            tally = tally.plus(page.records, outcome)
            self.on_progress(tally)
        _check_complete(tally)
        return tally

    def _submit(self, route: TopicRoute, page: Page) -> Future[Outcome]:
        return self.pool.submit(self.client.post, route, page.records)

    def _confirm(self, entity: Entity, checkpoint: Checkpoint, page: Page, outcome: Outcome) -> Checkpoint:
        # In this order: a dead letter may be written twice after a crash, but never be missing.
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
    """Stop where rows came into the source behind the place that earlier runs had reached."""
    missed = tally.rows - tally.already - tally.dead_already - tally.read
    if missed > 0:
        raise PostError(
            f"{missed:,} rows of {tally.entity.source_table} lie before the place where earlier runs stopped; "
            "run again with --restart (rows that are in already exist once in the end)"
        )


def _check_hope(topic: str, outcome: Outcome) -> None:
    """Stop before a wrong API or mapping sends the whole source to the dead letters."""
    refusals = [refusal for refusal in outcome.refused if refusal.sent]
    if outcome.posted == 0 and len(refusals) >= HOPELESS:
        raise PostError(
            f"the API refused all {len(refusals)} records of a page for {topic}: {refusals[0].reason}. "
            "Check --api and what is behind it; if these records are really all bad, "
            f"post with --records-per-request below {HOPELESS}"
        )
