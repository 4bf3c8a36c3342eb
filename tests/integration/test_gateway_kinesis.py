"""The gateway in front of the local Kinesis: records put by the API are read from the stream unchanged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import uuid4

import httpx
import pytest

from pinterest_pipeline.entities import ENTITIES
from tests.support.emulators import kinesis_client, moto_kinesis
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.kinesis import CREDENTIALS, REGION
from tooling.local_cloud.processes import HOST, free_port, listens, python_service

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

TRICKY = "\"'\\/\t\r\n\b\u0000\u001f\u0085\u00a0\u2028\u2029\U0001f600 $x ${x} $!x #set($x = 1) #end ## </script>"
BREAKING_OUT = '","Data":"x'


@pytest.fixture(scope="module")
def kinesis_url() -> Iterator[str]:
    """An emulator without other tests' streams: the API lists one page of them."""
    with moto_kinesis() as url:
        yield url


@pytest.fixture(scope="module")
def api(kinesis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of a gateway that runs as in the local cloud."""
    port, logs = free_port(), tmp_path_factory.mktemp("gateway")
    arguments = [
        *("--port", str(port), "--document", str(DOCUMENT), "--stage-variable", "restProxy=127.0.0.1:9"),
        *("--kinesis-endpoint", kinesis_url, "--region", REGION),
    ]
    gateway = python_service("tooling.local_cloud.api_gateway.gateway", arguments, Path(logs), CREDENTIALS)
    try:
        gateway.wait_until(lambda: listens(port), 30)
        with httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=30) as client:
            yield client
    finally:
        gateway.stop()


@pytest.fixture(scope="module")
def kinesis(kinesis_url: str) -> "KinesisClient":
    return kinesis_client(kinesis_url)


@pytest.fixture
def stream(api: httpx.Client) -> Iterator[str]:
    """A stream of one shard, made and deleted by the API."""
    name = f"clicks-{uuid4().hex}"
    assert api.post(f"/streams/{name}", json={"ShardCount": 1}).status_code == 200
    yield name
    assert api.delete(f"/streams/{name}").status_code == 200


def arrived(kinesis: "KinesisClient", stream: str) -> list[tuple[bytes, str]]:
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    start = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    records = kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return [(record["Data"], record["PartitionKey"]) for record in records]


def test_a_tricky_text_in_every_field_arrives_byte_for_byte(
    api: httpx.Client, kinesis: "KinesisClient", stream: str
) -> None:
    rows = [json.dumps({c.name: TRICKY for c in entity.source}, ensure_ascii=False) for entity in ENTITIES]
    for row in rows:
        answer = api.put(f"/streams/{stream}/record", json={"Data": row, "PartitionKey": "33"})
        assert set(answer.json()) == {"ShardId", "SequenceNumber"}
    assert arrived(kinesis, stream) == [(row.encode(), "33") for row in rows]


@pytest.mark.parametrize("key", [BREAKING_OUT, TRICKY, "'", "\\", "\\'"], ids=ascii)
def test_a_partition_key_cannot_break_out(api: httpx.Client, kinesis: "KinesisClient", stream: str, key: str) -> None:
    records = [{"data": '{"ind": 33}', "partition-key": key}] * 2
    answer = api.put(f"/streams/{stream}/records", json={"records": records})
    assert answer.json()["FailedRecordCount"] == 0
    assert arrived(kinesis, stream) == [(b'{"ind": 33}', key)] * 2


def test_500_records_go_in_by_one_request_and_stay_in_order(
    api: httpx.Client, kinesis: "KinesisClient", stream: str
) -> None:
    rows = [json.dumps({"index": number, "title": TRICKY}) for number in range(500)]
    records = [{"data": row, "partition-key": str(number)} for number, row in enumerate(rows)]
    answer = api.put(f"/streams/{stream}/records", json={"records": records})
    assert (answer.status_code, answer.json()["FailedRecordCount"], len(answer.json()["Records"])) == (200, 0, 500)
    assert arrived(kinesis, stream) == [(row.encode(), str(number)) for number, row in enumerate(rows)]


def test_a_stream_is_listed_and_described(api: httpx.Client, stream: str) -> None:
    assert stream in api.get("/streams").json()["StreamNames"]
    assert api.get(f"/streams/{stream}").json()["StreamDescription"]["StreamName"] == stream


def test_a_stream_that_is_not_there_is_404(api: httpx.Client) -> None:
    answer = api.put("/streams/nowhere/record", json={"Data": '{"ind": 33}', "PartitionKey": "33"})
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("ResourceNotFoundException: ")


@pytest.mark.parametrize("name", ['no"where', "'\\ \U0001f600"])
def test_a_name_that_no_stream_can_have_comes_to_kinesis_as_it_is(api: httpx.Client, name: str) -> None:
    answer = api.put(f"/streams/{quote(name)}/record", json={"Data": '{"ind": 33}', "PartitionKey": "33"})
    assert answer.status_code == 400
    assert f"Value '{name}' at 'streamName' failed to satisfy constraint" in answer.json()["message"]


def test_a_request_with_one_malformed_record_leaves_nothing_behind(
    api: httpx.Client, kinesis: "KinesisClient", stream: str
) -> None:
    records = [{"data": '{"ind": 33}', "partition-key": "33"}, {"data": '{"ind": 34}'}]
    answer = api.put(f"/streams/{stream}/records", json={"records": records})
    assert (answer.status_code, answer.json()["message"]) == (
        400,
        '[object has missing required properties (["partition-key"])]',
    )
    assert arrived(kinesis, stream) == []
