"""Rows posted as a stream, through the gateway that executes the API into emulated Kinesis."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pinterest_pipeline.entities import ENTITIES, GEO, Names
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.source.opening import open_source
from pinterest_pipeline.post.stream import StreamSettings, post_stream
from tests.support.emulators import Faults, Rule, cut_after, cut_before, fails, faulty, kinesis_client, moto_kinesis
from tests.support.posting import NAMES, database, folder_of, json_rows, read, row
from tooling.local_cloud.cloud import DOCUMENT, LocalCloud
from tooling.local_cloud.kinesis import CREDENTIALS, REGION
from tooling.local_cloud.processes import HOST, free_port, listens, python_service

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient
    from mypy_boto3_kinesis.type_defs import RecordTypeDef

STRANGE = "😀 Ünïcödé \u2028 \x01 'quoted' \"double\" \\ %s $input.path('$') #set($x = 1) 漢字"


def arrived(kinesis: "KinesisClient", stream: str) -> Iterator["RecordTypeDef"]:
    """Read all of a stream that nobody writes to or reshards."""
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        start = kinesis.get_shard_iterator(
            StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )
        iterator = start["ShardIterator"]
        while (page := kinesis.get_records(ShardIterator=iterator))["Records"]:
            yield from page["Records"]
            iterator = page["NextShardIterator"]


def pairs(records: Iterator["RecordTypeDef"]) -> Counter[tuple[str, str]]:
    return Counter((record["PartitionKey"], record["Data"].decode()) for record in records)


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_every_row_arrives_once_to_the_letter(local_cloud: LocalCloud, tmp_path: Path, one_at_a_time: bool) -> None:
    # Keys of their own, so that rows which other tests post are told apart.
    count, first = (40, 8_000_000) if one_at_a_time else (700, 7_000_000)
    names = Names(local_cloud.settings.prefix)
    rows = {entity.name: [row(entity, first + number) for number in range(count)] for entity in ENTITIES}
    rows["pin"][0] |= {"title": STRANGE}
    source = open_source(database(tmp_path, **rows), {})
    settings = StreamSettings(local_cloud.api_url, names, count, rate=0, one_at_a_time=one_at_a_time)

    tallies = post_stream(source, settings)

    kinesis = kinesis_client(local_cloud.kinesis_url)
    assert [(tally.sent, tally.repeated) for tally in tallies] == [(count, 0)] * 3
    for entity in ENTITIES:
        sent = Counter((str(record.key), record.value) for record in read(source, entity))
        found = pairs(arrived(kinesis, names.stream(entity)))
        assert {pair: times for pair, times in found.items() if pair[0] in {key for key, _ in sent}} == sent


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with moto_kinesis(*map(NAMES.stream, ENTITIES), shards=2) as url:
        yield url


@pytest.fixture(scope="module")
def faults(emulator: str) -> Iterator[Faults]:
    """A proxy between the gateway and Kinesis."""
    with faulty(emulator) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def api_url(faults: Faults, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    port = free_port()
    arguments = [
        *("--port", str(port), "--document", str(DOCUMENT), "--stage-variable", "restProxy=127.0.0.1:9"),
        *("--kinesis-endpoint", faults.url, "--region", REGION),
    ]
    gateway = python_service(
        "tooling.local_cloud.api_gateway.gateway", arguments, tmp_path_factory.mktemp("gateway"), CREDENTIALS
    )
    try:
        gateway.wait_until(lambda: listens(port), 30)
        yield f"http://{HOST}:{port}"
    finally:
        gateway.stop()


@pytest.mark.parametrize(
    "trouble",
    [
        pytest.param(fails("PutRecords", "ProvisionedThroughputExceededException", times=4), id="throttled"),
        pytest.param(fails("PutRecords", "InternalFailure", times=4), id="failing"),
        pytest.param(cut_before("PutRecords", times=4), id="cut before"),
        pytest.param(cut_after("PutRecords", times=4), id="acknowledgement lost"),
    ],
)
def test_nothing_is_lost_and_no_more_is_in_twice_than_is_counted(
    api_url: str, faults: Faults, emulator: str, tmp_path: Path, trouble: Rule
) -> None:
    kinesis, streams = kinesis_client(emulator), [NAMES.stream(entity) for entity in ENTITIES]
    before = {stream: pairs(arrived(kinesis, stream)) for stream in streams}
    source = open_source(
        database(tmp_path, **{entity.name: [row(entity, n) for n in range(60)] for entity in ENTITIES})
    )
    settings = quick(api_url, tmp_path, count=60)
    faults.set(trouble)

    tallies = post_stream(source, settings)

    assert len(faults.fired()) == 4
    for tally, stream in zip(tallies, streams, strict=True):
        added = pairs(arrived(kinesis, stream)) - before[stream]
        assert len(added) == tally.sent == 60
        assert added.total() <= 60 + tally.repeated


def quick(api: str, folder: Path, count: int) -> StreamSettings:
    pace = Pace(records_per_request=20, first_wait=0.01, longest_wait=0.05)
    return StreamSettings(api, NAMES, count, rate=0, dead_letters=folder / "dead.jsonl", pace=pace)


def test_what_is_no_row_is_refused_by_the_api_and_the_others_go(api_url: str, faults: Faults, tmp_path: Path) -> None:
    faults.set()
    source = open_source(str(folder_of(tmp_path, geo=[*json_rows(GEO, 9), "no json", '{"country":"no key"}'])))

    _, geo, _ = post_stream(source, quick(api_url, tmp_path, count=11))

    letters = [json.loads(line) for line in (tmp_path / "dead.jsonl").read_text().splitlines()]
    assert (geo.sent, geo.dead) == (9, 2)
    assert sorted(str(letter["value"]) for letter in letters) == ["no json", "{'country': 'no key'}"]
    assert all(letter["reason"].startswith("HTTP 400") for letter in letters)
