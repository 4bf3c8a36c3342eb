"""Posts rows to the streams as the site's users create them: in random order, at a steady rate."""

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

_MAX_READ_AHEAD = 500
_POLL_SECONDS = 0.1
_REPORT_SECONDS = 0.1


@dataclass(frozen=True)
class StreamSettings:
    """The settings of a run.

    Attributes:
        api: The API's URL, with its stage.
        names: Stream names.
        count: Number of posts, each with its rows of all three tables; None for no limit.
        rate: Posts per second, which is rows per second of each table; 0 for no limit.
        seed: Seed of the random order; the same seed and source give the same order.
        one_at_a_time: Whether each row is sent in a request of its own.
        dead_letters: The dead-letter file, for rows that cannot be posted.
        pace: Limits of requests and retries; each stream has one request in flight.
        auth: Authenticates the requests.
        insecure_http: Whether plain http to another machine is allowed.
        linger: Maximum seconds that a row waits for others to share its request.
        flush_within: Seconds allowed for sending the rows already read after a stop. A request in flight then still has
            its own timeout.
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
        """Validate the settings.

        Raises:
            SettingsError: A number is out of range, or the API's URL is invalid.
        """
        check_api(self.api, insecure_http=self.insecure_http)
        if self.count is not None and self.count < 1:
            raise SettingsError(f"the count must be 1 or more, or omitted for no limit; got {self.count}")
        if self.rate < 0 or not math.isfinite(self.rate):
            raise SettingsError(f"the rate must be posts per second, or 0 for no limit; got {self.rate:g}")

    def route(self, entity: Entity) -> StreamRoute:
        """Return the route to the entity's stream."""
        return (RecordRoute if self.one_at_a_time else StreamRoute)(self.names.stream(entity))


def post_stream(
    source: Source,
    settings: StreamSettings,
    on_progress: Callable[[StreamTally], None] = lambda _: None,
    stop: Event | None = None,
) -> tuple[StreamTally, ...]:
    """Post the source's rows in random order, in rounds of which each has every row once.

    The rows of one post are sent together. No progress is kept between runs.

    Args:
        source: The source of the rows; rows added to it during the run are not posted.
        settings: The settings of the run.
        on_progress: Called whenever rows of an entity are confirmed, now and then while rows are read, and at the end;
            by one thread at a time.
        stop: Once it is set no more rows are read, and the rows already read are sent.

    Returns:
        A tally for each entity.

    Raises:
        SettingsError: A setting cannot be used.
        SourceError: The source cannot be read or has no rows; rows already read are sent.
        PostError: The API refuses or fails permanently.
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
            # It was stopped from here: its rows still count as waiting.
            with suppress(StoppedError):
                worker.result()
        return tuple(worker.tally for worker in self._workers.values())

    def _worker(self, entity: Entity) -> StreamWorker:
        route, pace = self._settings.route(entity), self._settings.pace
        limits = BatchLimits(min(pace.records_per_request, route.max_records), pace.max_bytes, self._settings.linger)
        return StreamWorker(entity, limits, partial(self._client.post, route), self._keep)

    def _keep(self, worker: StreamWorker, outcome: Outcome) -> None:
        # The workers share the dead-letter file and the callback, which need not be thread-safe.
        with self._one_at_a_time:
            append_dead_letters(self._settings.dead_letters, worker.entity, outcome.refused)
            self._on_progress(worker.tally)

    def _report(self) -> None:
        with self._one_at_a_time:
            for worker in self._workers.values():
                self._on_progress(worker.tally)

    def _feed(self, posts: Posts, running: list[Future[None]]) -> None:
        rate = self._settings.rate
        pacer = Pacer(rate, time.monotonic, partial(self._wait, running))
        report_at = time.monotonic()
        order = islice(random_order(len(posts), self._settings.seed), self._settings.count)
        # About a second's posts, so that rows are read at most a second before they are sent.
        ahead = min(max(math.ceil(rate), 1), _MAX_READ_AHEAD) if rate else _MAX_READ_AHEAD
        while numbers := list(islice(order, ahead)):
            for post in posts.read(numbers):
                pacer.next()
                if self._is_over(running):
                    return
                # While nothing is confirmed, only this reports the waiting rows.
                if time.monotonic() >= report_at:
                    self._report()
                    report_at = time.monotonic() + _REPORT_SECONDS
                for entity, record in post:
                    self._workers[entity].put(record, self._stop)

    def _wait(self, running: list[Future[None]], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not self._is_over(running) and (left := end - time.monotonic()) > 0:
            self._stop.wait(min(left, _POLL_SECONDS))

    def _is_over(self, running: list[Future[None]]) -> bool:
        return self._stop.is_set() or any(worker.done() for worker in running)

    def _flush(self, running: list[Future[None]], *, patient: bool) -> None:
        """Let the workers send their rows, without a deadline unless `stop` is set or a worker has failed."""
        for worker in self._workers.values():
            worker.close()
        while patient and wait(running, _POLL_SECONDS, FIRST_EXCEPTION).not_done:
            patient = not self._stop.is_set() and not any(worker.done() and worker.exception() for worker in running)
        if wait(running, self._settings.flush_within).not_done:
            self._client.stop()
        wait(running)
        self._report()
