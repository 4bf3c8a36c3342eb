"""Records through the Kinesis source into Delta, against a bare loop of GetRecords on the same streams.

Both take what one emulator gives, so that the ratio is the source's own cost: planning, Spark and the table. Its rate
limits are lifted, or they would be all that is measured. MB are of 2**20 bytes of data, as in the source's options.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import boto3
from pyspark.sql import SparkSession

from benchmarks.measure import Measure, timed
from pinterest_pipeline import kinesis_limits
from pinterest_pipeline.entities import PIN
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.post.records import json_text
from tooling.demo.sample_data.generator import generate
from tooling.local_cloud.kinesis import REGION
from tooling.local_cloud.processes import HOST, free_port, listens, python_service
from tooling.local_cloud.spark.engine import LARGE_WORK
from tooling.local_cloud.spark.session import local_spark

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

_UNPACED = {"maxFetchRate": "1000", "minFetchPeriod": "0ms"}
_SHARDS = (1, 4, 16)
_MB = 2**20
_PINS_IN_LARGE = 32  # about 20 kB: of small records it is the number that takes the time, of these the bytes
_LARGE_SHARDS = 4
_LARGE_BYTES = 2  # so many times the bytes of the small ones: they are read faster
_WARM_UP_RECORDS = 2_000
_PUT_BYTES = kinesis_limits.MAX_REQUEST_BYTES // 2
_START_SECONDS = 60


@dataclass(frozen=True)
class _Load:
    """What is in one stream.

    Attributes:
        stream: Its name.
        shards: Its shards.
        records: How many records are in it.
        size: Bytes of their data.
    """

    stream: str
    shards: int
    records: int
    size: int

    def rate(self, seconds: float) -> str:
        """Return how fast all of it was read."""
        mb = self.size / _MB / seconds
        each = f", {mb / self.shards:.1f} MB/s a shard" if self.shards > 1 else ""
        return f"{self.records / seconds:,.0f} records/s, {mb:.1f} MB/s{each}"


def measure(folder: Path, records: int) -> list[Measure]:
    """Read streams of 1, 4 and 16 shards, and one of large records.

    Everything runs once on few records before. The source's time goes from the query's start to its end.

    Spark's Python workers must find the emulator's credentials in their environment.

    Args:
        folder: Where tables, checkpoints and logs are kept.
        records: Small records in each stream. Below some hundred thousand most of the time is the query's start.
    """
    folder.mkdir()
    spark = local_spark(folder / "lake", folder / "spark.log", LARGE_WORK)
    pins = _pins(records)
    large = ["\n".join(pins[first : first + _PINS_IN_LARGE]) for first in range(0, len(pins), _PINS_IN_LARGE)]
    with _emulator(folder) as url:
        compare = partial(_compare, spark, url, folder)
        compare("warm-up", pins[:_WARM_UP_RECORDS], max(_SHARDS))
        found = [compare(f"small-{shards}", pins, shards) for shards in _SHARDS]
        found.append(compare("large", large * _LARGE_BYTES, _LARGE_SHARDS))
    spark.stop()
    return found


def _compare(spark: SparkSession, url: str, folder: Path, stream: str, texts: list[str], shards: int) -> Measure:
    client = boto3.client("kinesis", region_name=REGION, endpoint_url=url)
    load = _filled(client, stream, texts, shards)
    bare = _read_bare(client, load)
    seconds = _read_to_delta(spark, url, folder, load)
    # The emulator keeps everything in memory.
    client.delete_stream(StreamName=stream)
    return Measure(
        f"Kinesis to Delta, shards: {shards}, records of {load.size / load.records:,.0f} bytes",
        load.rate(seconds),
        f"bare `get_records` loop: {load.rate(bare)}",
        f"{bare / seconds:.0%} of it",
    )


def _filled(client: "KinesisClient", stream: str, texts: list[str], shards: int) -> _Load:
    data = [text.encode() for text in texts]
    size = sum(map(len, data))
    step = min(kinesis_limits.MAX_RECORDS, max(1, _PUT_BYTES * len(data) // size))
    client.create_stream(StreamName=stream, ShardCount=shards)
    for first in range(0, len(data), step):
        records: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": record, "PartitionKey": str(key)} for key, record in enumerate(data[first : first + step], first)
        ]
        client.put_records(StreamName=stream, Records=records)
    return _Load(stream, shards, len(data), size)


def _read_bare(client: "KinesisClient", load: _Load) -> float:
    """Return the seconds that a loop over each shard takes, as many of them at once as there are shards."""
    shards = [shard["ShardId"] for shard in client.list_shards(StreamName=load.stream)["Shards"]]
    with timed() as watch, ThreadPoolExecutor(len(shards)) as pool:
        records = sum(pool.map(partial(_records, client, load.stream), shards))
    _check("the bare loop", load, records)
    return watch.seconds


def _records(client: "KinesisClient", stream: str, shard: str) -> int:
    place = client.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    iterator, count, behind = place["ShardIterator"], 0, 1
    while behind:
        page = client.get_records(ShardIterator=iterator)
        iterator, behind = page["NextShardIterator"], page["MillisBehindLatest"]
        count += len(page["Records"])
    return count


def _read_to_delta(spark: SparkSession, url: str, folder: Path, load: _Load) -> float:
    """Return the seconds that a query takes for all existing records."""
    place = {"streamName": load.stream, "region": REGION, "endpoint": url, "initialPosition": "trim_horizon"}
    rows = spark.readStream.format("kinesis").options(**place, **_UNPACED).load()
    table, checkpoint = (str(folder / f"{load.stream}-{what}") for what in ("table", "checkpoint"))
    writer = rows.writeStream.format("delta").option("checkpointLocation", checkpoint)
    with timed() as watch:
        writer.trigger(availableNow=True).start(table).awaitTermination()
    _check("the source", load, spark.read.format("delta").load(table).count())
    return watch.seconds


def _check(who: str, load: _Load, records: int) -> None:
    if records != load.records:
        raise StageError(f"{who} read {records:,} of the {load.records:,} records in the stream {load.stream}")


def _pins(records: int) -> list[str]:
    columns = [column.name for column in PIN.source]
    chunks = generate(PIN, records, seed=1)
    return [json_text(dict(zip(columns, row, strict=True))) for chunk in chunks for row in chunk]


@contextmanager
def _emulator(folder: Path) -> Iterator[str]:
    port = free_port()
    service = python_service("tooling.local_cloud.kinesis", ["--port", str(port)], folder)
    try:
        service.wait_until(partial(listens, port), _START_SECONDS)
        yield f"http://{HOST}:{port}"
    finally:
        service.stop()
