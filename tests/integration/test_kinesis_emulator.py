"""The emulated Kinesis over HTTP, by AWS' own client; and the other emulators and the fault proxy."""

import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import httpx
import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from tests.support.emulators import (
    Faults,
    Kind,
    Rule,
    cut_after,
    cut_before,
    fails,
    faulty,
    kinesis_client,
    make_stream,
    moto_kinesis,
    node_kinesis,
    slow,
    wait_until_active,
)
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kinesis import stream_counts
from tooling.local_cloud.processes import free_port, python_service

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import (
        GetRecordsOutputTypeDef,
        PaginatorConfigTypeDef,
        PutRecordsRequestEntryTypeDef,
        RecordTypeDef,
        ShardTypeDef,
    )

HASHES = 2**128
CONSUMER = "arn:aws:kinesis:us-east-1:123456789012:stream/first/consumer/c:1"
SUBSCRIBE = json.dumps({"ConsumerARN": CONSUMER, "ShardId": "s", "StartingPosition": {"Type": "LATEST"}})


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with moto_kinesis("first", shards=2) as url:
        yield url


@pytest.fixture(scope="module")
def client(endpoint: str) -> "KinesisClient":
    return kinesis_client(endpoint)


@pytest.fixture
def stream(client: "KinesisClient") -> str:
    """A stream of one shard that no other test knows."""
    return make_stream(client, uuid4().hex)


@pytest.fixture(scope="module")
def faults(endpoint: str) -> Iterator[Faults]:
    with faulty(endpoint) as proxy:
        yield proxy


def put(client: "KinesisClient", stream: str, keys: range) -> list[str]:
    answer = client.put_records(
        StreamName=stream, Records=[{"Data": str(key).encode(), "PartitionKey": str(key % 50)} for key in keys]
    )
    assert answer["FailedRecordCount"] == 0
    return [record["SequenceNumber"] for record in answer["Records"]]


def first_page(
    client: "KinesisClient", stream: str, kind: str = "TRIM_HORIZON", **at: object
) -> "GetRecordsOutputTypeDef":
    arguments: dict[str, Any] = {"StreamName": stream, "ShardIteratorType": kind, **at}
    shard = client.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    iterator = client.get_shard_iterator(ShardId=shard, **arguments)["ShardIterator"]
    return client.get_records(ShardIterator=iterator)


def drain(client: "KinesisClient", stream: str) -> list["RecordTypeDef"]:
    """Read a stream as consumers do: a shard only when its parents are read to their end."""
    waiting = client.list_shards(StreamName=stream)["Shards"]
    done: list[RecordTypeDef] = []
    while waiting:
        names = {shard["ShardId"] for shard in waiting}
        ready = next(shard for shard in waiting if not names & parents(shard))
        done += drain_shard(client, stream, ready)
        waiting.remove(ready)
    return done


def parents(shard: "ShardTypeDef") -> set[str]:
    return {shard[side] for side in ("ParentShardId", "AdjacentParentShardId") if side in shard}


def drain_shard(client: "KinesisClient", stream: str, shard: "ShardTypeDef") -> Iterator["RecordTypeDef"]:
    """Read a shard: a closed one to its end, an open one up to its newest record."""
    name = shard["ShardId"]
    answer = client.get_shard_iterator(StreamName=stream, ShardId=name, ShardIteratorType="TRIM_HORIZON")
    iterator: str | None = answer["ShardIterator"]
    while iterator:
        page = client.get_records(ShardIterator=iterator)
        yield from page["Records"]
        iterator = page.get("NextShardIterator")
        if is_open(shard) and not page["Records"]:
            return


def is_open(shard: "ShardTypeDef") -> bool:
    return "EndingSequenceNumber" not in shard["SequenceNumberRange"]


def open_shards(client: "KinesisClient", stream: str) -> list[str]:
    """Return the open shards in the order of their hash keys."""
    shards = filter(is_open, client.list_shards(StreamName=stream)["Shards"])
    return [
        shard["ShardId"] for shard in sorted(shards, key=lambda shard: int(shard["HashKeyRange"]["StartingHashKey"]))
    ]


def reshard(client: "KinesisClient", stream: str) -> None:
    """Split the only shard, split its first child, merge the last two of three; write before and after each."""
    put(client, stream, range(100))
    split_first(client, stream, HASHES // 2)
    put(client, stream, range(100, 200))
    split_first(client, stream, HASHES // 4)
    put(client, stream, range(200, 300))
    _, low, high = open_shards(client, stream)
    client.merge_shards(StreamName=stream, ShardToMerge=low, AdjacentShardToMerge=high)
    wait_until_active(client, stream)
    put(client, stream, range(300, 400))


def split_first(client: "KinesisClient", stream: str, middle: int) -> None:
    first = open_shards(client, stream)[0]
    client.split_shard(StreamName=stream, ShardToSplit=first, NewStartingHashKey=str(middle))
    wait_until_active(client, stream)


def assert_whole_and_in_order(records: list["RecordTypeDef"]) -> None:
    by_key: dict[str, list[int]] = defaultdict(list)
    for record in records:
        by_key[record["PartitionKey"]].append(int(record["Data"]))
    assert by_key == {str(key): list(range(key, 400, 50)) for key in range(50)}


def test_six_clients_at_once_lose_nothing(client: "KinesisClient", endpoint: str, stream: str) -> None:
    def write(writer: int) -> list[str]:
        parts = (range(start, start + 50) for start in range(writer * 500, writer * 500 + 500, 50))
        return [number for part in parts for number in put(client, stream, part)]

    with ThreadPoolExecutor(6) as pool:
        kept = [number for numbers in pool.map(write, range(6)) for number in numbers]
    read = drain(client, stream)
    assert stream_counts(endpoint)[stream] == len(set(kept)) == 3000
    assert [record["SequenceNumber"] for record in read] == sorted(kept)


def test_shards_split_twice_and_merged_keep_every_record_once_and_in_order(
    client: "KinesisClient", stream: str
) -> None:
    reshard(client, stream)
    shards = client.list_shards(StreamName=stream)["Shards"]
    assert_whole_and_in_order(drain(client, stream))
    assert len(shards) == 6
    assert parents(shards[-1]) == {"shardId-000000000002", "shardId-000000000004"}


@pytest.mark.parametrize("kind", ["kinesalite", "kinesis-local"])
def test_the_same_holds_on_other_emulators(kind: Kind) -> None:
    with node_kinesis(kind) as url:
        client = kinesis_client(url)
        reshard(client, make_stream(client, "resharded"))
        assert_whole_and_in_order(drain(client, "resharded"))


def test_the_end_of_a_closed_shard_names_its_children(client: "KinesisClient", stream: str) -> None:
    put(client, stream, range(3))
    client.split_shard(StreamName=stream, ShardToSplit="shardId-000000000000", NewStartingHashKey="1000")
    page = first_page(client, stream)
    assert len(page["Records"]) == 3
    assert "NextShardIterator" not in page
    assert [child["ShardId"] for child in page["ChildShards"]] == ["shardId-000000000001", "shardId-000000000002"]
    assert page["ChildShards"][0]["ParentShards"] == ["shardId-000000000000"]
    assert page["ChildShards"][0]["HashKeyRange"] == {"StartingHashKey": "0", "EndingHashKey": "999"}


def test_the_number_of_shards_can_be_changed(client: "KinesisClient", stream: str) -> None:
    client.update_shard_count(StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    summary = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]
    assert summary["OpenShardCount"] == len(open_shards(client, stream)) == 2


def test_shards_are_listed_page_by_page_with_the_token_alone(client: "KinesisClient") -> None:
    stream = make_stream(client, uuid4().hex, 5)
    page = client.list_shards(StreamName=stream, MaxResults=2)
    names = [shard["ShardId"] for shard in page["Shards"]]
    while token := page.get("NextToken"):
        page = client.list_shards(NextToken=token, MaxResults=2)
        names += [shard["ShardId"] for shard in page["Shards"]]
    assert names == [f"shardId-{number:012}" for number in range(5)]


def test_every_stream_and_every_shard_is_on_some_page(client: "KinesisClient", stream: str) -> None:
    client.update_shard_count(StreamName=stream, TargetShardCount=2, ScalingType="UNIFORM_SCALING")
    one: PaginatorConfigTypeDef = {"PageSize": 1}
    streams = [page["StreamNames"] for page in client.get_paginator("list_streams").paginate(PaginationConfig=one)]
    pages = client.get_paginator("describe_stream").paginate(StreamName=stream, PaginationConfig=one)
    shards = [[shard["ShardId"] for shard in page["StreamDescription"]["Shards"]] for page in pages]
    assert ["first"] in streams
    assert [stream] in streams
    assert shards == [[f"shardId-{number:012}"] for number in range(3)]


def test_reading_begins_where_it_is_asked_to(client: "KinesisClient", stream: str) -> None:
    kept = put(client, stream, range(5))
    at = first_page(client, stream, "AT_SEQUENCE_NUMBER", StartingSequenceNumber=kept[2])
    after = first_page(client, stream, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=kept[2])
    assert [record["SequenceNumber"] for record in at["Records"]] == kept[2:]
    assert [record["SequenceNumber"] for record in after["Records"]] == kept[3:]


def test_reading_begins_at_the_millisecond_of_a_record(client: "KinesisClient", stream: str) -> None:
    for key in range(5):
        put(client, stream, range(key, key + 1))
    records = first_page(client, stream)["Records"]
    moment = records[2]["ApproximateArrivalTimestamp"]
    found = first_page(client, stream, "AT_TIMESTAMP", Timestamp=moment)["Records"]
    assert [record["SequenceNumber"] for record in found] == [
        record["SequenceNumber"] for record in records if record["ApproximateArrivalTimestamp"] >= moment
    ]
    assert abs((datetime.now(UTC) - moment).total_seconds()) < 60


@pytest.mark.parametrize("key", ["a&StreamName=other&b=", '"\\\n\t$util {}', "ключ 🔑", "k" * 256])
def test_keys_and_data_come_back_as_they_were(key: str, client: "KinesisClient", stream: str) -> None:
    data = bytes(range(256)) + key.encode()
    client.put_record(StreamName=stream, Data=data, PartitionKey=key)
    (record,) = first_page(client, stream)["Records"]
    assert (record["PartitionKey"], record["Data"]) == (key, data)


def test_a_stream_is_found_by_its_arn(client: "KinesisClient", stream: str) -> None:
    arn = client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamARN"]
    shard = client.put_record(StreamARN=arn, Data=b"x", PartitionKey="k")["ShardId"]
    at = client.get_shard_iterator(StreamARN=arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON")["ShardIterator"]
    assert len(client.get_records(StreamARN=arn, ShardIterator=at)["Records"]) == 1


def test_an_explicit_hash_key_decides_on_the_shard(client: "KinesisClient") -> None:
    stream = make_stream(client, uuid4().hex, 2)
    shards = [
        client.put_record(StreamName=stream, Data=b"x", PartitionKey="same", ExplicitHashKey=str(key))["ShardId"]
        for key in (0, HASHES // 2 - 1, HASHES // 2, HASHES - 1)
    ]
    assert shards == ["shardId-000000000000"] * 2 + ["shardId-000000000001"] * 2


def test_a_record_of_a_mebibyte_is_taken_and_a_larger_one_refused(client: "KinesisClient", stream: str) -> None:
    client.put_record(StreamName=stream, Data=b"x" * (2**20 - 1), PartitionKey="k")
    with pytest.raises(ClientError, match="less than or equal to 1048576"):
        client.put_record(StreamName=stream, Data=b"x" * 2**20, PartitionKey="k")
    assert [len(record["Data"]) for record in first_page(client, stream)["Records"]] == [2**20 - 1]


def test_a_request_of_ten_mebibytes_is_taken_and_read_as_one_page(client: "KinesisClient", stream: str) -> None:
    records: list[PutRecordsRequestEntryTypeDef] = [{"Data": b"x" * (2**20 - 1), "PartitionKey": "k"}] * 11
    client.put_records(StreamName=stream, Records=records[:10])
    with pytest.raises(ClientError, match="exceeds 10 MB"):
        client.put_records(StreamName=stream, Records=records)
    page = first_page(client, stream)
    assert (len(page["Records"]), page["MillisBehindLatest"]) == (10, 0)


def test_a_stream_made_again_is_another_one(client: "KinesisClient", stream: str) -> None:
    def made() -> datetime:
        return client.describe_stream_summary(StreamName=stream)["StreamDescriptionSummary"]["StreamCreationTimestamp"]

    old, before = put(client, stream, range(1))[0], made()
    client.delete_stream(StreamName=stream)
    make_stream(client, stream)
    assert made() > before
    assert first_page(client, stream)["Records"] == []
    with pytest.raises(ClientError, match="did not come from this stream"):
        first_page(client, stream, "AFTER_SEQUENCE_NUMBER", StartingSequenceNumber=old)


def test_an_iterator_of_an_earlier_stream_is_refused(client: "KinesisClient", stream: str) -> None:
    iterator = first_page(client, stream)["NextShardIterator"]
    client.delete_stream(StreamName=stream)
    make_stream(client, stream)
    with pytest.raises(ClientError, match="InvalidArgumentException"):
        client.get_records(ShardIterator=iterator)


@pytest.mark.parametrize(
    ("name", "shards", "error"),
    [("first", 1, "ResourceInUse"), ("not a name", 1, "Validation"), ("new", 0, "Validation")],
)
def test_a_stream_that_cannot_be_is_refused(name: str, shards: int, error: str, endpoint: str) -> None:
    # Without the client's own checks.
    target = {"X-Amz-Target": "Kinesis_20131202.CreateStream", "Content-Type": "application/x-amz-json-1.1"}
    answer = httpx.post(endpoint, headers=target, json={"StreamName": name, "ShardCount": shards})
    assert (answer.status_code, answer.json()["__type"]) == (400, f"{error}Exception")


@pytest.mark.parametrize(
    ("action", "body", "error"),
    [
        ("PutRecord", "{", "SerializationException"),
        ("PutRecord", "[]", "SerializationException"),
        ("PutRecords", '{"StreamName": "first", "Records": []}', "ValidationException"),
        ("GetRecords", '{"ShardIterator": "bm9uZQ=="}', "InvalidArgumentException"),
        ("GetRecords", '{"ShardIterator": "", "Limit": 10001}', "ValidationException"),
        ("ListShards", '{"StreamName": "first", "ShardFilter": {"Type": "AT_LATEST"}}', "InvalidArgumentException"),
        ("DescribeStream", '{"StreamName": "none"}', "ResourceNotFoundException"),
        ("SubscribeToShard", SUBSCRIBE, "UnknownOperationException"),
    ],
)
def test_what_is_wrong_or_not_there_is_told(action: str, body: str, error: str, endpoint: str) -> None:
    target = {"X-Amz-Target": f"Kinesis_20131202.{action}", "Content-Type": "application/x-amz-json-1.1"}
    answer = httpx.post(endpoint, headers=target, content=body)
    assert (answer.status_code, answer.json()["__type"]) == (400, error)


def test_a_first_stream_that_cannot_be_is_one_clear_line(tmp_path: Path) -> None:
    service = python_service(
        "tooling.local_cloud.kinesis", ["--port", str(free_port()), "--stream", "not a name"], tmp_path
    )
    with pytest.raises(LocalCloudError, match="error: cannot make the stream not a name: 1 validation error"):
        service.wait_until(lambda: False, 30)
    service.stop()


def test_counting_where_nothing_answers_is_told() -> None:
    with pytest.raises(LocalCloudError, match="does not return its record counts"):
        stream_counts(f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("code", ["ProvisionedThroughputExceededException", "InternalFailure"])
def test_the_proxy_fails_as_often_as_it_is_told(code: str, faults: Faults, stream: str, endpoint: str) -> None:
    client = kinesis_client(faults.url)
    faults.set(fails("PutRecords", code, times=1))
    with pytest.raises(ClientError, match=code):
        put(client, stream, range(3))
    put(client, stream, range(3))
    assert stream_counts(endpoint)[stream] == 3
    assert [event["operation"] for event in faults.fired()] == ["PutRecords"]


@pytest.mark.parametrize(("cut", "written"), [(cut_before, 0), (cut_after, 3)])
def test_the_proxy_cuts_before_or_after_the_write(
    cut: Callable[..., Rule], written: int, faults: Faults, stream: str, endpoint: str
) -> None:
    faults.set(cut("PutRecords", times=1))
    with pytest.raises(ConnectionClosedError):
        put(kinesis_client(faults.url), stream, range(3))
    assert stream_counts(endpoint)[stream] == written


def test_the_proxy_is_slow_until_told_otherwise(faults: Faults, stream: str) -> None:
    client = kinesis_client(faults.url)
    faults.set(slow("PutRecords", 300))
    began = datetime.now(UTC)
    put(client, stream, range(1))
    middle = datetime.now(UTC)
    faults.set()
    put(client, stream, range(1))
    assert (middle - began).total_seconds() >= 0.3
    assert faults.fired() == []
