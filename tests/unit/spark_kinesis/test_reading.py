"""A task fetches several shards at once, no more ahead than it may, and ends when nobody reads."""

import threading
import time
from collections.abc import Generator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_kinesis.arrow import COLUMNS, pack, to_batch, unpack
from spark_kinesis.backlog_search import Found, find_end
from spark_kinesis.buffers import Buffer, StoppedError
from spark_kinesis.client import Client
from spark_kinesis.errors import KinesisSourceError
from spark_kinesis.options import Limits, Stream, parse
from spark_kinesis.pacing import Pace, next_limit
from spark_kinesis.positions import Finished, TrimHorizon
from spark_kinesis.ranges import Generation, Range, tasks
from spark_kinesis.reading import read
from tests.support.fake_kinesis import FakeKinesis, fault

STREAM = Stream("s")


def family(*generations: int) -> list[Generation]:
    """Return a family with so many shards in each generation."""
    return [
        tuple(Range(STREAM, f"{depth}/{number}", TrimHorizon(), Finished()) for number in range(size))
        for depth, size in enumerate(generations)
    ]


def closed_shards(kinesis: FakeKinesis) -> Generation:
    """Close all shards, and return the ranges that read them to their ends."""
    names = list(kinesis.shards)
    for name in names:
        kinesis.add(name)
    return tuple(Range(STREAM, name, TrimHorizon(), Finished()) for name in names)


def reading(kinesis: FakeKinesis, generation: Generation, **options: str) -> Generator[pa.RecordBatch]:
    parsed = parse({"streamName": "s", "minFetchPeriod": "1ms", "maxFetchRate": "1000"} | options)
    return read(Client(kinesis, lambda _: None), parsed, [generation], lambda _: None)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("kinesis")]


def test_a_task_gets_so_many_shards_and_a_family_stays_together() -> None:
    shared = tasks([family(1)] * 6 + [family(1, 2, 1)] * 2, 5)
    assert [[len(generation) for generation in task] for task in shared] == [[5], [2, 2, 1], [1, 2, 1]]


def test_a_family_larger_than_a_task_has_one_of_its_own() -> None:
    assert [sum(map(len, task)) for task in tasks([family(1), family(8, 16), family(1)], 5)] == [1, 24, 1]


def test_shards_are_read_at_once_and_each_in_order() -> None:
    kinesis = FakeKinesis(5)
    sent = {name: kinesis.put_many(name, 250) for name in list(kinesis.shards)}
    found: dict[str, list[bytes | None]] = {name: [] for name in sent}
    for batch in reading(kinesis, closed_shards(kinesis), maxRecordsPerFetch="100"):
        found[str(batch.column("shardId")[0])] += batch.column("data").to_pylist()
    assert found == sent


def test_a_shard_that_cannot_be_read_fails_the_task() -> None:
    kinesis = FakeKinesis(2)
    ranges = closed_shards(kinesis)
    kinesis.faults.append(fault("AccessDeniedException", "not you"))
    with pytest.raises(KinesisSourceError, match="not you"):
        list(reading(kinesis, ranges))


def test_a_reader_that_goes_away_ends_the_fetching() -> None:
    kinesis = FakeKinesis(3)
    for name in list(kinesis.shards):
        kinesis.put_many(name, 500)
    batches = reading(kinesis, closed_shards(kinesis), maxRecordsPerFetch="1", minFetchPeriod="10s")
    next(batches)
    began = time.monotonic()
    batches.close()
    assert time.monotonic() - began < 5
    assert threads() == []


def test_no_more_is_fetched_ahead_than_may_be() -> None:
    batch = to_batch(
        "s",
        "shard",
        [{"PartitionKey": "k", "Data": b"x" * 100, "SequenceNumber": "1", "ApproximateArrivalTimestamp": 1}],
    )
    buffer = Buffer(1, 2 * batch.nbytes)
    for _ in range(2):
        buffer.put(batch)
    threading.Timer(0.2, buffer.stop).start()
    with pytest.raises(StoppedError):
        buffer.put(batch)


def test_records_become_the_documented_columns() -> None:
    record = {
        "PartitionKey": "k",
        "Data": b"\x00\xff",
        "SequenceNumber": "12",
        "ApproximateArrivalTimestamp": 1_700_000_000_007,
    }
    (row,) = unpack(pack(to_batch("pins", "shard", [record]))).to_pylist()
    assert list(row) == list(COLUMNS)
    assert row["approximateArrivalTimestamp"].isoformat() == "2023-11-14T22:13:20.007000+00:00"
    assert (row["data"], row["stream"], row["shardId"]) == (b"\x00\xff", "pins", "shard")


@pytest.mark.parametrize(("size", "rest"), [(0, 0.4), (2**20, 1.0), (5 * 2**20, 5.0)])
def test_a_shard_rests_for_its_period_or_for_the_rate(size: int, rest: float) -> None:
    pace = Pace(Limits())
    assert pace.rest(100) == 0
    pace.fetched(100, size)
    assert pace.rest(100) == pytest.approx(rest)
    assert pace.rest(200) == 0


@pytest.mark.parametrize(
    ("ends_at", "limit"), [(None, 10_000), (1_099 + 10_000, 10_000), (1_099 + 1_000, 1_001), (1_099, 500), (0, 500)]
)
def test_a_fetch_near_the_end_asks_for_about_what_is_left(ends_at: int | None, limit: int) -> None:
    records = [{"ApproximateArrivalTimestamp": 1_000 + number} for number in range(100)]
    assert next_limit(10_000, records, ends_at) == limit


@pytest.mark.parametrize("until", [None, 9_001, 9_999, 10_000])
def test_the_server_is_not_asked_for_its_present_or_its_future(until: int | None) -> None:
    looks: list[int] = []
    find_end(looks.append, Found("1", 5_000, 5_000), until=until)
    assert looks
    assert max(looks) < 10_000 - 500


@pytest.mark.parametrize("back", [1, 2, 1_000])
def test_arrival_times_that_go_back_are_no_trouble(back: int) -> None:
    records = [{"ApproximateArrivalTimestamp": moment} for moment in (5_000, 5_000 - back)]
    assert 500 <= next_limit(10_000, records, 6_000) <= 10_000


@given(st.lists(st.integers(0, 10**7), min_size=1, max_size=60), st.integers(1, 10**6))
def test_the_newest_record_is_found_but_for_those_of_its_millisecond(arrivals: list[int], since: int) -> None:
    arrivals.sort()
    now, looks = arrivals[-1] + since, 0

    def look(moment: int) -> Found | None:
        nonlocal looks
        looks += 1
        return next((seen(number) for number, arrived in enumerate(arrivals) if arrived >= moment), None)

    def seen(number: int) -> Found:
        return Found(str(number), arrivals[number], now - arrivals[number] if number + 1 < len(arrivals) else 0)

    assert find_end(look, seen(0), tolerance=1).arrived == arrivals[-1]
    assert looks < 60
