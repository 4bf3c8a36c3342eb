"""Post rows to the streams as the site's users make them: post after post in random order, at a steady rate."""

import math
import time
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from threading import Event, Lock

import httpx

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.post.api.client import ApiClient, Outcome, Pace, check_api
from pinterest_pipeline.post.api.responses import StoppedError
from pinterest_pipeline.post.api.stream_routes import RecordRoute, StreamRoute
from pinterest_pipeline.post.batch_buffer import BatchLimits
from pinterest_pipeline.post.dead_letters import append_dead_letters
from pinterest_pipeline.post.pacing import Pacer
from pinterest_pipeline.post.posts import Posts
from pinterest_pipeline.post.rounds import random_order
from pinterest_pipeline.post.source.opening import Source
from pinterest_pipeline.post.stream_worker import StreamTally, StreamWorker

__all__ = ["StreamSettings", "StreamTally", "post_stream"]

_MOST_READ_AHEAD = 500
_LOOK_UP_SECONDS = 0.1
_TELL_SECONDS = 0.1


@dataclass(frozen=True)
class StreamSettings:
    """What to post and how.

    Attributes:
        api: The API's URL, with its stage.
        names: Stream names.
        count: How many posts, each with its row of all three tables; None for no end.
        rate: How many posts a second, which is rows a second of each table; 0 for as fast as the API takes them.
        seed: The same seed and source give the same order.
        one_at_a_time: Whether each row goes in a request of its own.
        dead_letters: The file that takes rows which can never pass.
        pace: How much at once and how patiently; each stream has one request in flight.
        auth: Proves the caller to the API.
        insecure_http: Whether plain http may go to another machine.
        linger: Seconds that a row waits at most for others to share its request.
        flush_within: Seconds that rows which are read already may take to go out after a stop. A request that is
            under way then has its own time to end.
    """

    api: str
    names: Names
    count: int | None = None
    rate: float = 10.0
    seed: int = 0
    one_at_a_time: bool = False
    dead_letters: Path = Path(".pinterest/dead-letters.jsonl")
    pace: Pace = field(default_factory=Pace)
    auth: httpx.Auth | None = None
    insecure_http: bool = False
    linger: float = 0.2
    flush_within: float = 10.0

    def __post_init__(self) -> None:
        """Check what a person gives.

        Raises:
            SettingsError: A number makes no sense, or the API's address is none.
        """
        check_api(self.api, insecure_http=self.insecure_http)
        if self.count is not None and self.count < 1:
            raise SettingsError(f"the count must be 1 or more, or left out for no end; got {self.count}")
        if self.rate < 0 or not math.isfinite(self.rate):
            raise SettingsError(f"the rate must be posts a second, or 0 for as fast as it goes; got {self.rate:g}")

    def route(self, entity: Entity) -> StreamRoute:
        """Return the entity's way into its stream."""
        return (RecordRoute if self.one_at_a_time else StreamRoute)(self.names.stream(entity))


def post_stream(
    source: Source,
    settings: StreamSettings,
    on_progress: Callable[[StreamTally], None] = lambda _: None,
    stop: Event | None = None,
) -> tuple[StreamTally, ...]:
    """Post the source's rows in random order: round after round, in each of them every row once.

    The rows of one post go in the same moment. Nothing is kept between runs: a stream has no place to go on from.

    Args:
        source: Where the rows come from; those that come into it later are left out.
        settings: Where they go and how.
        on_progress: Called whenever rows of an entity are confirmed, now and then while rows are read, and at the end;
            by one thread at a time.
        stop: Once it is set no more rows are read, and those that are read already are sent.

    Returns:
        A tally for each entity.

    Raises:
        SettingsError: A setting cannot be used.
        SourceError: The source cannot be read or has no row; what was read of it is sent.
        PostError: The API refuses or fails for good.
    """
    with ExitStack() as stack:
        client = stack.enter_context(
            ApiClient(settings.api, settings.pace, auth=settings.auth, insecure_http=settings.insecure_http)
        )
        run = _Run(settings, client, on_progress, stop or Event())
        posts = Posts(source)
        pool = stack.enter_context(ThreadPoolExecutor(len(ENTITIES), thread_name_prefix="post"))
        return run.post(posts, pool)


class _Run:
    def __init__(
        self, settings: StreamSettings, client: ApiClient, on_progress: Callable[[StreamTally], None], stop: Event
    ) -> None:
        self._settings = settings
        self._client = client
        self._on_progress = on_progress
        self._stop = stop
        self._one_at_a_time = Lock()
        self._workers = {entity: self._worker(entity) for entity in ENTITIES}

    def post(self, posts: Posts, pool: ThreadPoolExecutor) -> tuple[StreamTally, ...]:
        running = [pool.submit(worker.run) for worker in self._workers.values()]
        patient = False
        try:
            self._feed(posts, running)
            patient = True
        finally:
            self._flush(running, patient=patient)
        for worker in running:
            # Told to stop, here: what it had is still counted as waiting.
            with suppress(StoppedError):
                worker.result()
        return tuple(worker.tally for worker in self._workers.values())

    def _worker(self, entity: Entity) -> StreamWorker:
        route, pace = self._settings.route(entity), self._settings.pace
        limits = BatchLimits(min(pace.records_per_request, route.most_records), pace.most_bytes, self._settings.linger)
        return StreamWorker(entity, limits, partial(self._client.post, route), self._keep)

    def _keep(self, worker: StreamWorker, outcome: Outcome) -> None:
        # The workers share the dead-letter file, and whoever is told need not be ready for three threads.
        with self._one_at_a_time:
            append_dead_letters(self._settings.dead_letters, worker.entity, outcome.refused)
            self._on_progress(worker.tally)

    def _tell(self) -> None:
        with self._one_at_a_time:
            for worker in self._workers.values():
                self._on_progress(worker.tally)

    def _feed(self, posts: Posts, running: list[Future[None]]) -> None:
        rate = self._settings.rate
        pacer = Pacer(rate, time.monotonic, partial(self._wait, running))
        tell_at = time.monotonic()
        order = islice(random_order(len(posts), self._settings.seed), self._settings.count)
        # About a second's posts, so that what is sent is not older than that.
        ahead = min(max(math.ceil(rate), 1), _MOST_READ_AHEAD) if rate else _MOST_READ_AHEAD
        while numbers := list(islice(order, ahead)):
            for post in posts.read(numbers):
                pacer.next()
                if self._is_over(running):
                    return
                # While nothing is confirmed, nobody else says how many rows wait.
                if time.monotonic() >= tell_at:
                    self._tell()
                    tell_at = time.monotonic() + _TELL_SECONDS
                for entity, record in post:
                    self._workers[entity].put(record, self._stop)

    def _wait(self, running: list[Future[None]], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_over(running) and (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, _LOOK_UP_SECONDS))

    def _is_over(self, running: list[Future[None]]) -> bool:
        return self._stop.is_set() or any(worker.done() for worker in running)

    def _flush(self, running: list[Future[None]], *, patient: bool) -> None:
        """Let the workers send what they have: in their own time, or within a set one once there is a reason to end."""
        for worker in self._workers.values():
            worker.close()
        while patient and wait(running, _LOOK_UP_SECONDS, FIRST_EXCEPTION).not_done:
            patient = not self._stop.is_set() and not any(worker.done() and worker.exception() for worker in running)
        if wait(running, self._settings.flush_within).not_done:
            self._client.stop()
        wait(running)
        self._tell()
