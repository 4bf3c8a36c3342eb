"""The emulated Kinesis without its server: where a stream keeps records, and how they are found."""

import base64
import importlib.metadata
import sys
import tomllib
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import sleep

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto.core.exceptions import JsonRESTError
from moto.kinesis.exceptions import InvalidArgumentError

from pinterest_pipeline.kinesis_limits import MAX_RECORD_BYTES
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kinesis import shard as shard_module
from tooling.local_cloud.kinesis.handlers import new_record
from tooling.local_cloud.kinesis.server import MOTO, install
from tooling.local_cloud.kinesis.shard import MAX_PAGE_RECORDS, NewRecord, Page
from tooling.local_cloud.kinesis.stream import OrderedStream

FIRST, SECOND, THIRD = (f"shardId-{number:012}" for number in range(3))
HASHES = 2**128
PYPROJECT = Path(__file__).parents[3] / "pyproject.toml"


def stream_of(shards: int = 1) -> OrderedStream:
    return OrderedStream("s", shards, None, None, "123456789012", "us-east-1")


def records(keys: Iterable[object], size: int = 3) -> list[NewRecord]:
    return [NewRecord(str(key), "YQ==", size) for key in keys]


def open_shards(stream: OrderedStream) -> list[str]:
    return [shard.shard_id for shard in stream.shards_after() if shard.is_open]


def read(stream: OrderedStream, shard: str, kind: str = "TRIM_HORIZON", sequence: int = 0, moment: float = 0) -> Page:
    return stream.page(stream.position(shard, kind, sequence, moment))


def sequences(page: Page) -> list[int]:
    return [record.sequence for record in page.records]


@pytest.fixture
def impatient_threads() -> Iterator[None]:
    """Threads that switch as often as possible."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


@pytest.mark.usefixtures("impatient_threads")
def test_six_writers_at_once_lose_nothing_and_keep_the_order() -> None:
    stream = stream_of(3)
    with ThreadPoolExecutor(6) as pool:
        kept = [number for puts in pool.map(lambda _: write_often(stream), range(6)) for number in puts]
    found = [sequences(read(stream, shard)) for shard in stream.shards]
    assert len(set(kept)) == stream.count() == 6 * 40 * 25
    assert sorted(number for numbers in found for number in numbers) == sorted(kept)
    assert all(numbers == sorted(numbers) for numbers in found)


def write_often(stream: OrderedStream) -> list[int]:
    return [sequence for _ in range(40) for sequence, _ in stream.append(records(range(25)))]


def test_sequence_numbers_grow_over_all_shards_and_have_56_digits() -> None:
    stream = stream_of(3)
    kept = [sequence for sequence, _ in stream.append(records(range(30)))]
    stream.split_shard(FIRST, "7")
    kept += [sequence for sequence, _ in stream.append(records(range(30)))]
    assert kept == sorted(set(kept))
    assert {len(str(sequence)) for sequence in kept} == {56}


def test_a_split_shard_takes_nothing_more_and_ends() -> None:
    stream = stream_of()
    stream.append(records(range(5)))
    stream.split_shard(FIRST, str(HASHES // 2))
    taken = {shard for _, shard in stream.append(records(range(50)))}
    page = read(stream, FIRST)
    assert taken == {SECOND, THIRD}
    assert (len(page.records), page.sequence, page.behind) == (5, None, 0)
    assert [shard.shard_id for shard in stream.children(FIRST)] == [SECOND, THIRD]


@pytest.mark.parametrize(("one", "other"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_merged_shards_are_both_parents_of_one_that_takes_all(one: str, other: str) -> None:
    stream = stream_of(2)
    stream.merge_shards(one, other)
    assert {shard for _, shard in stream.append(records(range(20)))} == {THIRD}
    assert (stream.shard(THIRD).parent, stream.shard(THIRD).adjacent_parent) == (one, other)
    assert stream.to_json_summary()["StreamDescriptionSummary"]["OpenShardCount"] == 1


def test_a_closed_shard_is_described_with_its_end() -> None:
    stream = stream_of()
    ((sequence, _),) = stream.append(records([1]))
    stream.split_shard(FIRST, "5")
    numbers = stream.shard(FIRST).to_json()["SequenceNumberRange"]
    assert int(numbers["StartingSequenceNumber"]) < sequence < int(numbers["EndingSequenceNumber"])
    assert "EndingSequenceNumber" not in stream.shard(SECOND).to_json()["SequenceNumberRange"]


@pytest.mark.parametrize("middle", [0, HASHES // 2])
def test_a_split_outside_the_shard_is_refused(middle: int) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        stream_of(2).split_shard(FIRST, str(middle))
    assert "less than the shard's EndingHashKey" in caught.value.message


def test_shards_that_are_no_neighbours_are_not_merged() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        stream_of(3).merge_shards(FIRST, THIRD)
    assert "not an adjacent pair" in caught.value.message


def test_a_closed_shard_is_not_closed_again() -> None:
    stream = stream_of(2)
    stream.split_shard(FIRST, "5")
    with pytest.raises(InvalidArgumentError) as caught:
        stream.merge_shards(FIRST, SECOND)
    assert "already been merged or split" in caught.value.message


@settings(max_examples=40)
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 99)), max_size=8), st.integers(0, HASHES - 1))
def test_open_shards_always_share_out_all_hash_keys(changes: list[tuple[bool, int]], hash_key: int) -> None:
    stream = stream_of(2)
    for split, which in changes:
        reshard(stream, split, which)
    shards = sorted(map(stream.shard, open_shards(stream)), key=lambda shard: shard.starting_hash)
    (_, taken_by), *_ = stream.append([NewRecord("any", "", 3, hash_key)])
    assert [shards[0].starting_hash, *(shard.ending_hash + 1 for shard in shards)] == [
        *(shard.starting_hash for shard in shards),
        HASHES,
    ]
    assert stream.shard(taken_by).starting_hash <= hash_key <= stream.shard(taken_by).ending_hash


def reshard(stream: OrderedStream, split: bool, which: int) -> None:
    shards = sorted(map(stream.shard, open_shards(stream)), key=lambda shard: shard.starting_hash)
    shard = shards[which % len(shards)]
    if split:
        stream.split_shard(shard.shard_id, str((shard.starting_hash + shard.ending_hash) // 2 + 1))
    elif len(shards) > 1:
        low = which % (len(shards) - 1)
        stream.merge_shards(shards[low].shard_id, shards[low + 1].shard_id)


@pytest.mark.parametrize("target", [1, 2, 3, 4])
def test_the_number_of_open_shards_can_be_set(target: int) -> None:
    stream = stream_of(2)
    stream.update_shard_count(target)
    assert len(open_shards(stream)) == target


@pytest.mark.parametrize("target", [1, 7])
def test_no_more_than_twice_and_no_less_than_half_the_shards_are_made_at_once(target: int) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        stream_of(3).update_shard_count(target)
    assert "at most to twice as many" in caught.value.message


def test_reading_begins_at_or_after_a_sequence_number() -> None:
    stream = stream_of()
    kept = [sequence for sequence, _ in stream.append(records(range(9)))]
    assert sequences(read(stream, FIRST, "AT_SEQUENCE_NUMBER", kept[4])) == kept[4:]
    assert sequences(read(stream, FIRST, "AFTER_SEQUENCE_NUMBER", kept[4])) == kept[5:]
    assert sequences(read(stream, FIRST, "AT_SEQUENCE_NUMBER", stream.shard(FIRST).start)) == kept


def test_reading_from_the_latest_sees_what_comes_then() -> None:
    stream = stream_of()
    stream.append(records(range(9)))
    latest = stream.position(FIRST, "LATEST")
    (come,) = stream.append(records([1]))
    assert sequences(stream.page(latest)) == [come[0]]


def test_reading_begins_at_a_millisecond(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of()
    for millisecond in (1000, 1001, 1001, 1003):
        monkeypatch.setattr(shard_module, "now", lambda moment=millisecond: moment)
        stream.append(records([1]))
    counts = [len(read(stream, FIRST, "AT_TIMESTAMP", moment=moment).records) for moment in (0.9, 1.001, 1.002, 1.004)]
    assert counts == [4, 3, 1, 0]


def test_a_moment_to_come_is_refused() -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        stream_of().position(FIRST, "AT_TIMESTAMP", moment=4_000_000_000)
    assert "cannot be greater than the currentTimestampInMillis" in caught.value.message


def test_a_clock_set_back_keeps_the_order_of_arrival(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of()
    for millisecond in (1005, 1000):
        monkeypatch.setattr(shard_module, "now", lambda moment=millisecond: moment)
        stream.append(records([1]))
    assert [record.arrived for record in read(stream, FIRST).records] == [1005, 1005]


def test_what_is_behind_is_told_in_milliseconds(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = stream_of()
    monkeypatch.setattr(shard_module, "now", lambda: 1000)
    stream.append(records(range(3)))
    monkeypatch.setattr(shard_module, "now", lambda: 4500)
    begin = stream.position(FIRST, "TRIM_HORIZON")
    assert [stream.page(begin, limit).behind for limit in (1, 2, 3)] == [3500, 3500, 0]


def test_a_page_ends_at_10000_records() -> None:
    stream = stream_of()
    stream.append(records(range(MAX_PAGE_RECORDS + 1)))
    assert len(read(stream, FIRST).records) == MAX_PAGE_RECORDS


@pytest.mark.parametrize(("size", "fit"), [(2**20, 10), (2**20 - 1, 10), (10 * 2**20, 1), (11 * 2**20, 1)])
def test_a_page_ends_at_10_mebibytes_but_has_a_record(size: int, fit: int) -> None:
    stream = stream_of()
    stream.append(records(range(12), size))
    assert len(read(stream, FIRST).records) == fit


def test_a_sequence_number_of_an_earlier_stream_is_refused() -> None:
    earlier = stream_of()
    ((old, _),) = earlier.append(records([1]))
    sleep(0.001)
    later = stream_of()
    with pytest.raises(InvalidArgumentError) as caught:
        later.position(FIRST, "AFTER_SEQUENCE_NUMBER", old)
    assert "did not come from this stream" in caught.value.message


def encoded(size: int) -> str:
    return base64.b64encode(b"x" * size).decode()


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"PartitionKey": "k", "Data": "YQ==", "ExplicitHashKey": str(HASHES)}, "must be in the range"),
        ({"PartitionKey": "k", "Data": encoded(MAX_RECORD_BYTES)}, "less than or equal to 1048576"),
    ],
)
def test_a_record_that_cannot_be_is_refused(entry: dict[str, str], reason: str) -> None:
    with pytest.raises(JsonRESTError) as caught:
        new_record(entry)
    assert reason in caught.value.message


def test_a_record_of_a_mebibyte_with_its_key_is_taken() -> None:
    assert new_record({"PartitionKey": "é", "Data": encoded(MAX_RECORD_BYTES - 2)}).size == MAX_RECORD_BYTES


def test_another_moto_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.metadata, "version", lambda _: "5.3.0")
    with pytest.raises(LocalCloudError, match=r"needs moto 5\.2\.\*, found 5\.3\.0"):
        install()


def test_the_moto_that_is_asked_for_is_the_one_that_is_installed() -> None:
    groups = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["dependency-groups"]
    assert f"moto[server]=={MOTO}*" in groups["local"]
