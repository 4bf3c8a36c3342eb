"""The data source `kinesis` in Spark, against emulated Kinesis."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from pyspark.errors import AnalysisException, PySparkException
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.streaming.query import StreamingQuery

from spark_kinesis import KinesisDataSource, Meter, metered
from tests.support.emulators import (
    Faults,
    cut_after,
    fails,
    faulty,
    kinesis_client,
    make_stream,
    node_kinesis,
    wait_until_active,
)
from tests.support.waiting import eventually
from tooling.local_cloud.kinesis import CREDENTIALS, REGION

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import PutRecordsRequestEntryTypeDef

HALF = str(2**127)
MIB = 2**20


@dataclass
class Sink:
    """Takes batches.

    Attributes:
        batches: Each batch's records, by its number.
        before: Called with each batch's number when its records are read, before they are taken.
    """

    batches: dict[int, list[Row]] = field(default_factory=dict)
    before: Callable[[int], None] = lambda _: None

    def __call__(self, batch: DataFrame, number: int) -> None:
        rows = batch.collect()
        self.before(number)
        self.batches[number] = rows

    def data(self) -> list[str]:
        return [row.data.decode() for rows in list(self.batches.values()) for row in rows]


@dataclass
class Reader:
    """A query that is stopped and started again."""

    spark: SparkSession
    checkpoint: Path
    options: Mapping[str, str]
    sink: Sink = field(default_factory=Sink)

    def rows(self) -> DataFrame:
        return self.spark.readStream.format("kinesis").options(**self.options).load()

    def start(self) -> StreamingQuery:
        writer = self.rows().writeStream.option("checkpointLocation", str(self.checkpoint))
        return writer.foreachBatch(self.sink).start()

    def run(self) -> list[str]:
        """Read what is there now; return all that was read until now."""
        writer = self.rows().writeStream.option("checkpointLocation", str(self.checkpoint))
        writer.foreachBatch(self.sink).trigger(availableNow=True).start().awaitTermination()
        return self.sink.data()

    def until(self, sent: Sequence[str]) -> list[str]:
        """Return what was read when at least as much was read as was sent."""
        assert eventually(lambda: len(self.sink.data()) >= len(sent)), f"{len(self.sink.data())} of {len(sent)}"
        return self.sink.data()


def emulated(url: str) -> dict[str, str]:
    """Return the options of an emulator."""
    keys = {"awsAccessKey": CREDENTIALS["AWS_ACCESS_KEY_ID"], "awsSecretKey": CREDENTIALS["AWS_SECRET_ACCESS_KEY"]}
    pace = {"maxFetchRate": "1000", "minFetchPeriod": "20ms", "shardFetchInterval": "100ms"}
    return keys | pace | {"endpoint": url, "region": REGION, "initialPosition": "earliest"}


def put(client: "KinesisClient", stream: str, texts: Sequence[str]) -> list[str]:
    """Send records, each with its text as key, and return them."""
    for first in range(0, len(texts), 500):
        records: list[PutRecordsRequestEntryTypeDef] = [
            {"Data": text.encode(), "PartitionKey": text} for text in texts[first : first + 500]
        ]
        client.put_records(StreamName=stream, Records=records)
    return list(texts)


def texts(prefix: str, number: int) -> list[str]:
    return [f"{prefix} {index}" for index in range(number)]


@pytest.fixture(scope="module")
def kinesalite() -> Iterator[str]:
    with node_kinesis("kinesalite") as url:
        yield url


@pytest.fixture(scope="module")
def faults(kinesis_url: str) -> Iterator[Faults]:
    with faulty(kinesis_url) as proxy:
        yield proxy


@pytest.fixture
def reader(spark: SparkSession, tmp_path: Path, kinesis_url: str) -> Reader:
    """A query of a stream of its own."""
    spark.dataSource.register(KinesisDataSource)
    name = make_stream(kinesis_client(kinesis_url), f"stream-{uuid4().hex}")
    return Reader(spark, tmp_path / "checkpoint", emulated(kinesis_url) | {"streamName": name})


@pytest.fixture
def send(reader: Reader, kinesis_url: str) -> Callable[[str, int], list[str]]:
    """Sends records to the query's stream."""
    client = kinesis_client(kinesis_url)
    return lambda prefix, number: put(client, reader.options["streamName"], texts(prefix, number))


Send = Callable[[str, int], list[str]]


def test_a_batch_query_reads_what_is_there(reader: Reader, send: Send) -> None:
    sent = send("record", 1200)
    rows = reader.spark.read.format("kinesis").options(**reader.options).load()
    assert sorted(row.data.decode() for row in rows.collect()) == sorted(sent)
    first = rows.orderBy("sequenceNumber").first()
    assert first is not None
    assert (first.partitionKey, first.stream, first.shardId) == (
        sent[0],
        reader.options["streamName"],
        "shardId-000000000000",
    )
    assert 0 <= time.time() - first.approximateArrivalTimestamp.timestamp() < 60


def test_a_stopped_query_goes_on_where_it_was_and_reads_every_record_once(reader: Reader, send: Send) -> None:
    sent = send("first", 700)
    assert reader.run() == sent
    sent += send("second", 30)
    assert reader.run() == sent
    assert reader.run() == sent
    assert list(reader.sink.batches) == [0, 1]


def test_available_now_ends_with_what_was_there_when_it_began(reader: Reader, send: Send) -> None:
    sent, sent_while = send("before", 600), list[str]()
    reader.sink.before = lambda _: None if reader.sink.batches else sent_while.extend(send("while", 50))
    assert reader.run() == sent
    assert reader.run() == sent + sent_while


def test_a_batch_that_failed_is_read_again_as_it_was(reader: Reader, send: Send) -> None:
    sent, following = list[str](), send("first", 3000)
    for name in ("second", "third"):  # of the first batch, and of a later one
        reader.sink.before = breaks
        with pytest.raises(PySparkException, match="the sink is broken"):
            reader.run()
        sent, following = sent + following, send(name, 20)
        reader.sink.before = Sink.before
        assert reader.run() == sent


def test_latest_begins_behind_what_is_there_and_keeps_its_place(reader: Reader, send: Send) -> None:
    send("old", 10)
    time.sleep(1.1)  # the start is known to the second
    reader.options = {**reader.options, "initialPosition": "latest"}
    assert reader.run() == []
    sent = send("new", 10)
    assert reader.run() == sent


def test_no_secret_is_in_the_checkpoint_the_plan_the_progress_or_an_error(
    reader: Reader, send: Send, capfd: pytest.CaptureFixture[str]
) -> None:
    secrets = {"awsAccessKey": "AKIA-HUSH", "awsSecretKey": "hush-hush", "awsSessionToken": "be-quiet"}
    reader.options = {**reader.options, **secrets}
    send("record", 10)
    query = reader.start()
    assert eventually(lambda: bool(query.recentProgress))
    query.explain(True)
    reader.rows().explain(True)
    reader.spark.read.format("kinesis").options(**reader.options).load().explain(True)
    query.stop()
    shown = str(query.recentProgress) + "".join(capfd.readouterr())
    shown += "".join(file.read_text("latin-1") for file in reader.checkpoint.rglob("*") if file.is_file())
    reader.options = {**reader.options, "streamName": "nowhere"}
    with pytest.raises(PySparkException) as error:
        reader.run()
    shown += str(error.value)
    assert "kinesis" in shown
    assert not [secret for secret in secrets.values() if secret in shown]


def test_a_stream_that_does_not_exist_is_named(reader: Reader) -> None:
    reader.options = {**reader.options, "streamName": "nowhere"}
    with pytest.raises(PySparkException, match="there is no stream nowhere,"):
        reader.run()


def test_a_wrong_option_is_named(reader: Reader) -> None:
    reader.options = {**reader.options, "shardsPerTask": "many"}
    with pytest.raises(PySparkException, match="the option shardsPerTask must be an integer"):
        reader.run()


def test_a_wrong_option_of_a_stream_is_named_before_the_stream_starts(spark: SparkSession) -> None:
    with pytest.raises(AnalysisException, match=r"no option streamnam; did you mean streamName\?"):
        spark.readStream.format("kinesis").option("streamNam", "pins").load()


def test_a_stream_created_anew_stops_the_query_unless_it_is_told_otherwise(
    reader: Reader, send: Send, kinesis_url: str
) -> None:
    send("old", 5)
    reader.run()
    client = kinesis_client(kinesis_url)
    client.delete_stream(StreamName=reader.options["streamName"])
    make_stream(client, reader.options["streamName"])
    sent = send("new", 5)
    with pytest.raises(PySparkException, match="failOnDataLoss=false"):
        reader.run()
    reader.options = {**reader.options, "failOnDataLoss": "false"}
    reader.sink.batches.clear()
    assert reader.run() == sent


def test_what_was_read_of_each_shard_is_counted(reader: Reader, send: Send, kinesis_url: str) -> None:
    meter = Meter(reader.spark)
    reader.spark.dataSource.register(metered(meter))
    kinesis_client(kinesis_url).split_shard(
        StreamName=reader.options["streamName"], ShardToSplit="shardId-000000000000", NewStartingHashKey=HALF
    )
    sent = send("record", 1500)
    reader.run()
    progress = meter.take()
    assert sum(shard.records for shard in progress.values()) == len(sent)
    assert sum(shard.bytes for shard in progress.values()) == sum(map(len, sent))
    assert {shard: done.millis_behind_latest for (_, shard), done in progress.items() if done.records} == {
        "shardId-000000000001": 0,
        "shardId-000000000002": 0,
    }
    assert meter.take() == {}


def test_sixty_four_shards_most_of_them_empty_and_records_as_large_as_they_may_be(
    spark: SparkSession, tmp_path: Path, kinesis_url: str
) -> None:
    spark.dataSource.register(KinesisDataSource)
    client = kinesis_client(kinesis_url)
    name = make_stream(client, "wide", 64)
    big = [f"{number}".ljust(MIB - len("one"), "x") for number in range(12)]
    for text in big:
        client.put_record(StreamName=name, Data=text.encode(), PartitionKey="one")
    sent = put(client, name, texts("small", 20))
    reader = Reader(spark, tmp_path, emulated(kinesis_url) | {"streamName": name})
    assert sorted(reader.run()) == sorted(big + sent)


def test_several_streams_are_read_by_one_query_by_name_or_arn(reader: Reader, send: Send, kinesis_url: str) -> None:
    client = kinesis_client(kinesis_url)
    sent = send("one", 5) + put(client, make_stream(client, "another"), texts("two", 5))
    names = (reader.options["streamName"], "another")
    arns = [client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamARN"] for name in names]
    reader.options = {name: text for name, text in reader.options.items() if name != "streamName"}
    reader.options = {**reader.options, "streamARN": ", ".join(arns)}
    assert sorted(reader.run()) == sorted(sent)
    assert {row.stream for row in reader.sink.batches[0]} == set(names)


def test_faults_that_pass_cost_no_record(reader: Reader, send: Send, faults: Faults) -> None:
    sent = send("record", 2500)
    reader.options = {**reader.options, "endpoint": faults.url}
    faults.set(
        fails("ListShards", "LimitExceededException", times=2),
        fails("GetShardIterator", "ProvisionedThroughputExceededException", times=2),
        fails("GetRecords", "ExpiredIteratorException", times=2),
        fails("GetRecords", "ProvisionedThroughputExceededException", times=2),
        cut_after("GetRecords", times=1),
    )
    assert reader.run() == sent
    assert len(faults.fired()) == 9


def test_a_running_query_follows_splits_and_merges(spark: SparkSession, tmp_path: Path, kinesalite: str) -> None:
    spark.dataSource.register(KinesisDataSource)
    client = kinesis_client(kinesalite)
    name = make_stream(client, "resharded")
    reader = Reader(spark, tmp_path, emulated(kinesalite) | {"streamName": name})
    sent = put(client, name, texts("start", 500))
    query = reader.start()
    for turn in range(2):
        reader.until(sent)
        (last,) = open_shards(client, name)
        client.split_shard(StreamName=name, ShardToSplit=last, NewStartingHashKey=HALF)
        wait_until_active(client, name)
        sent += put(client, name, texts(f"split {turn}", 500))
        left, right = open_shards(client, name)
        client.merge_shards(StreamName=name, ShardToMerge=left, AdjacentShardToMerge=right)
        wait_until_active(client, name)
        sent += put(client, name, texts(f"merged {turn}", 500))
    found = reader.until(sent)
    query.stop()
    assert sorted(found) == sorted(sent)
    assert [len(set(found[:500] + sent[:500])), len(set(found[-500:] + sent[-500:]))] == [500, 500]


def test_shards_whose_number_is_changed_are_read_by_one_available_now(
    reader: Reader, send: Send, kinesis_url: str
) -> None:
    client = kinesis_client(kinesis_url)
    sent = send("one", 700)
    for number in (2, 4, 3):
        client.update_shard_count(
            StreamName=reader.options["streamName"], TargetShardCount=number, ScalingType="UNIFORM_SCALING"
        )
        sent += send(f"then {number}", 300)
    assert sorted(reader.run()) == sorted(sent)


def open_shards(client: "KinesisClient", stream: str) -> list[str]:
    """Return the open shards, by their hash keys."""
    shards = client.list_shards(StreamName=stream)["Shards"]
    still_open = [shard for shard in shards if "EndingSequenceNumber" not in shard["SequenceNumberRange"]]
    return [
        shard["ShardId"]
        for shard in sorted(still_open, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    ]


def breaks(_: int) -> None:
    """Fail as a sink does."""
    raise RuntimeError("the sink is broken")
