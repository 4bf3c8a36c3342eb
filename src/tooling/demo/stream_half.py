"""The stream half of the demo: posts go to Kinesis and from there into the tables, while the batch half runs."""

import math
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Event

from pyspark.errors import StreamingQueryException
from pyspark.sql import SparkSession
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt

from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.kinesis import Streams
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.post.posts import Posts
from pinterest_pipeline.post.source.opening import Source
from pinterest_pipeline.post.stream import StreamSettings, StreamTally, post_stream
from pinterest_pipeline.refine.live import follow, query_name
from tooling.demo.watch import SENT, Watch
from tooling.local_cloud.cloud import LocalCloud
from tooling.local_cloud.kinesis import REGION
from tooling.polling import attempts

# With a shorter interval, the batches of three queries would take the two cores from the batch half.
_INTERVAL_SECONDS = 5.0
_STARTS = 3

Tallies = tuple[StreamTally, ...]
"""The results of posting, one per entity."""


@dataclass(frozen=True)
class Flowing:
    """The stream half while it runs.

    Attributes:
        posting: The results of posting, when it has ended.
        following: Ends with the queries, and with their error.
    """

    posting: "Future[Tallies]"
    following: "Future[None]"

    def settle(self, spark: SparkSession) -> Tallies:
        """Wait until every row is posted and in the tables; the queries keep running.

        Args:
            spark: The session of the queries.

        Returns:
            The results of posting.

        Raises:
            PipelineError: Posting or a query failed.
        """
        tallies = self.posting.result()
        for _ in attempts(math.inf):
            if _has_taken_everything(spark):
                break
            if self.following.done():
                self.following.result()
        return tallies


def _has_taken_everything(spark: SparkSession) -> bool:
    names = [query_name(entity) for entity in ENTITIES]
    active = {query.name: query for query in spark.streams.active}
    if not active.keys() >= {*names}:
        return False
    queries = [active[name] for name in names]
    try:
        # Each waits for its query's next trigger: together they wait once.
        with ThreadPoolExecutor(len(queries)) as pool:
            list(pool.map(lambda query: query.processAllAvailable(), queries))
    except StreamingQueryException:
        return False
    # A query that was stopped, since another one failed, also returns from processAllAvailable.
    return all(query.isActive for query in queries)


@dataclass(frozen=True)
class StreamHalf:
    """The stream half: its names, cloud and tables.

    Attributes:
        names: The deployment's names.
        cloud: The running local cloud.
        lake: Where the tables are.
        checkpoints: The folder of all checkpoints.
        dead_letters: The file of the rows that could not be posted.
        seconds: How long posting lasts, if the API is fast enough.
    """

    names: Names
    cloud: LocalCloud
    lake: Lake
    checkpoints: str
    dead_letters: Path
    seconds: float

    @contextmanager
    def running(self, source: Source, session: "Future[SparkSession]", watch: Watch) -> Iterator[Flowing]:
        """Post every row of the source and run the queries that bring them into the tables, while the block runs.

        Args:
            source: Where the rows come from.
            session: The Spark session, when it is started.
            watch: Shows progress.

        Yields:
            What runs.

        Raises:
            PipelineError: The block has ended, and a query failed before.
        """
        stop = Event()
        with ThreadPoolExecutor(2, thread_name_prefix="stream") as pool:
            flowing = Flowing(
                pool.submit(self._post, source, session, watch, stop), pool.submit(self._follow, session, stop)
            )
            try:
                yield flowing
            finally:
                watch.say("stopping the streams")
                stop.set()
            flowing.following.result()

    @property
    def _streams(self) -> Streams:
        return Streams(self.names, REGION, endpoint=self.cloud.kinesis_url)

    def _post(self, source: Source, session: "Future[SparkSession]", watch: Watch, stop: Event) -> Tallies:
        # Rows that were all posted before the queries would show no streaming.
        session.result()
        if not any(source.count(entity) for entity in ENTITIES):
            return tuple(StreamTally(entity) for entity in ENTITIES)
        posts = len(Posts(source))
        settings = StreamSettings(
            api=self.cloud.api_url,
            names=self.names,
            count=posts,
            rate=posts / self.seconds,
            dead_letters=self.dead_letters,
        )
        return post_stream(source, settings, lambda tally: watch.set(SENT, tally.entity, tally.sent), stop)

    def _follow(self, session: "Future[SparkSession]", stop: Event) -> None:
        # As a continuous job: restarted where it stopped. A busy machine can be too slow for Spark, which
        # gives its Python workers ten seconds to come up.
        retrying = Retrying(retry=retry_if_exception_type(StageError), stop=stop_after_attempt(_STARTS), reraise=True)
        retrying(follow, session.result(), self.lake, self._streams, self.checkpoints, _INTERVAL_SECONDS, stop)
