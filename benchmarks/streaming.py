"""The stream half: posting to the streams, and how soon posts are in the raw and in the clean tables."""

import argparse
import os
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import reduce
from pathlib import Path
from threading import Event

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf
from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measure, timed
from pinterest_pipeline.console import run_script
from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.ingest.kinesis import Streams
from pinterest_pipeline.lake.tables import Lake, create_tables
from pinterest_pipeline.post.source.opening import Source, open_source
from pinterest_pipeline.post.stream import StreamSettings, StreamTally, post_stream
from pinterest_pipeline.refine.live import follow
from tooling.demo.sample_data.source_data import fill_source
from tooling.demo.stream_half import Flowing
from tooling.local_cloud.cloud import LocalCloud, LocalCloudSettings
from tooling.local_cloud.kinesis import CREDENTIALS, REGION
from tooling.local_cloud.spark.session import CATALOG, local_spark

_NAMES = Names("bench")
_LAKE = Lake(CATALOG, "stream_bench")
_RATE = 200  # posts a second, each with a row of three tables
_INTERVAL_SECONDS = 1.0
_WARM_UP_SECONDS = 10
_ONE_BY_ONE = 20  # so many times fewer posts are sent one at a time: the rate is the same, the waiting is not


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        seconds: How long posts come at a steady rate.
        posts: Posts that are sent as fast as the API takes them, in batches.
    """

    seconds: int
    posts: int


def add_sizes(parser: argparse.ArgumentParser) -> None:
    """Add an option for each of the sizes."""
    parser.add_argument("--stream-seconds", type=int, default=30, help=f"seconds of {_RATE} posts a second")
    parser.add_argument("--stream-posts", type=int, default=10_000, help="posts sent as fast as they go")


def sizes(options: argparse.Namespace) -> Sizes:
    """Return the sizes that were asked for."""
    return Sizes(options.stream_seconds, options.stream_posts)


def measure(folder: Path, asked: Sizes) -> list[Measure]:
    """Measure latency and posting, with the engine for small work, after a warm-up of its own.

    Spark's Python workers must find the emulator's credentials in their environment.

    Args:
        folder: Where the source, the local cloud and tables are kept.
        asked: The sizes.
    """
    spark = local_spark(folder / "stream_lake", log=folder / "stream_spark.log")
    location = f"sqlite:///{folder / 'posts.db'}"
    fill_source(location, asked.posts, seed=1)
    posts = open_source(location)
    with LocalCloud(LocalCloudSettings(folder / "stream_cloud", _NAMES.prefix)) as cloud:
        latency = _latency(spark, cloud, posts, folder, asked.seconds)
        spark.stop()
        return [_posting(cloud, posts, folder, asked.posts), *latency]


def _settings(cloud: LocalCloud, folder: Path, count: int, rate: float = 0, *, single: bool = False) -> StreamSettings:
    return StreamSettings(
        api=cloud.api_url,
        names=_NAMES,
        count=count,
        rate=rate,
        one_at_a_time=single,
        dead_letters=folder / "stream-dead-letters.jsonl",
    )


def _posting(cloud: LocalCloud, posts: Source, folder: Path, count: int) -> Measure:
    batched = _rate(posts, _settings(cloud, folder, count))
    single = _rate(posts, _settings(cloud, folder, max(1, count // _ONE_BY_ONE), single=True))
    return Measure(
        "posting to the streams, up to 500 records a request",
        f"{batched:,.0f} rows/s",
        f"one record a request: {single:,.0f} rows/s",
        f"{batched / single:.1f} times as fast",
    )


def _rate(posts: Source, settings: StreamSettings) -> float:
    with timed() as watch:
        tallies = post_stream(posts, settings)
    return _sent(tallies) / watch.seconds


def _sent(tallies: tuple[StreamTally, ...]) -> int:
    return sum(tally.sent for tally in tallies)


def _latency(spark: SparkSession, cloud: LocalCloud, posts: Source, folder: Path, seconds: int) -> list[Measure]:
    create_tables(spark, _LAKE)
    streams = Streams(_NAMES, REGION, endpoint=cloud.kinesis_url)
    warm_up = _settings(cloud, folder, _WARM_UP_SECONDS * _RATE, _RATE)
    steady = _settings(cloud, folder, seconds * _RATE, _RATE)
    with ThreadPoolExecutor(2) as pool, _stopping() as stop:
        following = pool.submit(
            follow, spark, _LAKE, streams, str(folder / "stream_checkpoints"), _INTERVAL_SECONDS, stop
        )
        Flowing(pool.submit(post_stream, posts, warm_up), following).settle(spark)
        since = datetime.now(UTC)
        sent = _sent(Flowing(pool.submit(post_stream, posts, steady), following).settle(spark))
    found = []
    for stage, end in (("ingest", "raw"), ("refine", "clean")):
        half, most, took = _latencies(spark, since, stage)
        found.append(
            Measure(
                f"from Kinesis to {end}, {sent:,} rows at a steady {sent / took:,.0f} a second",
                f"p50 {half:.1f} s, p99 {most:.1f} s",
                f"time between two batches: {_INTERVAL_SECONDS:.1f} s",
                f"{half / _INTERVAL_SECONDS:.1f} and {most / _INTERVAL_SECONDS:.1f} times as long",
            )
        )
    return found


@contextmanager
def _stopping() -> Iterator[Event]:
    """Give what ends the queries, and set it however the block ends: its pool waits for them."""
    stop = Event()
    try:
        yield stop
    finally:
        stop.set()


def _latencies(spark: SparkSession, since: datetime, stage: str) -> tuple[float, float, float]:
    """Return the seconds that half and 99% of the rows waited for a stage's commit, and over which they arrived."""
    rows = reduce(DataFrame.unionAll, [spark.table(_LAKE.raw(entity)) for entity in ENTITIES])
    stages = spark.table(_LAKE.runs).where(sf.col("stage") == stage)
    runs = stages.select(sf.col("batch").alias("batch_id"), "finished_at")
    arrived = sf.col("arrived_at").cast("DOUBLE")
    waited = sf.col("finished_at").cast("DOUBLE") - arrived
    found = (
        rows.where(sf.col("arrived_at") >= sf.lit(since))
        .join(runs, "batch_id")
        .select(sf.percentile(waited, [0.5, 0.99]).alias("waited"), (sf.max(arrived) - sf.min(arrived)).alias("took"))
    )
    (half, most), took = found.collect()[0]
    return half, most, took


def main() -> None:
    """Measure only the stream half and print it; no file is written."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    add_sizes(parser)
    asked = sizes(parser.parse_args())
    os.environ.update(CREDENTIALS)
    table = Table("what", "found", "held against", "ratio")
    with tempfile.TemporaryDirectory(prefix="pinterest-bench-") as folder:
        for found in measure(Path(folder), asked):
            table.add_row(found.name, found.found, found.yardstick, found.ratio)
    Console().print(table)


if __name__ == "__main__":
    run_script(main)
