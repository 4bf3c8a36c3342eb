"""A batch is planned without reading it twice, and read again as it was planned."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_kinesis.client import Client
from spark_kinesis.errors import CheckpointError, DataLossError, OptionError
from spark_kinesis.options import Options, parse
from spark_kinesis.planning import Planner
from spark_kinesis.positions import After, Finished, Offset
from spark_kinesis.progress import ShardProgress
from spark_kinesis.ranges import Generation
from spark_kinesis.reading import read
from spark_kinesis.shard_planning import Context
from tests.support.fake_kinesis import FakeKinesis

SHARD = "shardId-000000000000"


@dataclass
class Query:
    """A query as Spark drives it, without Spark."""

    kinesis: FakeKinesis
    options: Options
    start: Offset

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        self.waited = 0.0
        self.client = Client(self.kinesis, self.wait)
        self.planner = Planner(Context(self.client, self.options, lambda: 0.0, self.wait))

    def resume(self) -> None:
        """Tell it where it stands, as Spark does where a batch was logged."""
        if self.start.streams:
            assert self.planner.tasks(self.start, self.start) == []

    def wait(self, seconds: float) -> None:
        self.waited += seconds

    def plan(self) -> tuple[Offset, list[tuple[Generation, ...]]]:
        end = self.planner.latest()
        return end, self.planner.tasks(self.start, end) if end != self.start else []

    def read(self, tasks: Sequence[tuple[Generation, ...]]) -> list[bytes]:
        self.progress: list[ShardProgress] = []
        batches = [batch for task in tasks for batch in read(self.client, self.options, task, self.progress.append)]
        return [data for batch in batches for data in batch.column("data").to_pylist() if data is not None]

    def batch(self) -> list[bytes]:
        end, tasks = self.plan()
        found = self.read(tasks)
        self.start = end
        return found


def query(kinesis: FakeKinesis, **options: str) -> Query:
    given = {"streamName": "s", "initialPosition": "earliest", "minFetchPeriod": "1ms", "maxFetchRate": "1000"}
    parsed = parse(given | options)
    return Query(kinesis, parsed, Offset(parsed.initial, {}))


def positions(offset: Offset) -> Mapping[str, object]:
    return offset.streams["s"].shards


def test_what_reaches_the_newest_record_travels_with_the_plan_and_no_task_fetches_it() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 50)
    reader = query(kinesis)
    _, tasks = reader.plan()
    planned = kinesis.calls["GetRecords"]
    assert reader.read(tasks) == sent
    assert (planned, kinesis.calls["GetRecords"]) == (1, 1)


@pytest.mark.parametrize("apart", [0, 1, 7, 1000])
def test_a_backlog_is_read_to_its_newest_record_by_the_first_batch_after_a_start(apart: int) -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 5000, apart)
    kinesis.now += 60_000
    assert query(kinesis).batch() == sent


@pytest.mark.parametrize("apart", [1, 7, 1000])
def test_planning_a_backlog_reads_a_record_a_look_and_few_of_them(apart: int) -> None:
    kinesis = FakeKinesis()
    kinesis.put_many(SHARD, 5000, apart)
    query(kinesis).plan()
    assert sum(kinesis.given.values()) - 100 == kinesis.calls["GetRecords"] - 1 < 40


def test_a_later_batch_reads_no_record_twice_but_the_one_it_ends_with() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 10)
    reader.batch()
    kinesis.given.clear()
    sent = kinesis.put_many(SHARD, 5000)
    found = reader.batch()
    assert found == sent[: len(found)]
    assert len(found) > 3900
    assert Counter(kinesis.given.values()).keys() <= {1, 2}
    assert sum(times - 1 for data, times in kinesis.given.items() if data in set(found)) <= 1


def test_batches_after_the_first_take_about_what_can_be_fetched_in_their_time() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis, maxFetchRate="0.01", maxFetchDuration="1s")
    kinesis.put_many(SHARD, 1)
    reader.batch()
    sent = kinesis.put_many(SHARD, 4000)
    end, _ = reader.plan()
    records = int(str(getattr(positions(end)[SHARD], "sequence", 0)))
    size = sum(map(len, sent[:records]))
    assert 8_000 < size < 20_000


def test_nothing_new_gives_the_same_offset() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 3)
    reader.batch()
    before = reader.start.to_json()
    assert reader.planner.latest().to_json() == before


def test_polling_keeps_its_pace() -> None:
    reader = query(FakeKinesis(), minFetchPeriod="400ms")
    reader.batch()
    reader.batch()
    assert reader.waited == pytest.approx(0.4)


@pytest.mark.parametrize("records", [50, 3000])
def test_a_batch_that_was_cut_off_is_read_again_as_it_was_planned(records: int) -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, records)
    reader = query(kinesis)
    end, _ = reader.plan()
    kinesis.put_many(SHARD, 70)
    reader.restart()
    assert reader.planner.tasks(end, end) == []
    assert reader.read(reader.planner.tasks(reader.start, end)) == sent


def test_a_first_batch_that_was_cut_off_begins_where_it_began_whatever_the_options_say_by_then() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 10)
    end, _ = query(kinesis).plan()
    later = query(kinesis, initialPosition="latest")
    assert later.read(later.planner.tasks(later.start, end)) == sent


def test_latest_is_pinned_by_the_first_batch_and_kept_over_a_restart() -> None:
    kinesis = FakeKinesis()
    kinesis.put_many(SHARD, 10)
    kinesis.now += 1000
    reader = query(kinesis, initialPosition="latest")
    assert reader.batch() == []
    sent = kinesis.put_many(SHARD, 5)
    reader.restart()
    reader.resume()
    assert reader.batch() == sent


def test_a_time_is_where_reading_begins() -> None:
    kinesis = FakeKinesis()
    kinesis.put_many(SHARD, 10)
    moment = datetime.fromtimestamp((kinesis.now + 1) / 1000, UTC).isoformat()
    sent = kinesis.put_many(SHARD, 5)
    assert query(kinesis, initialPosition=json.dumps({"at_timestamp": moment})).batch() == sent


def test_a_stream_of_another_account_is_named_by_its_arn_in_every_call() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 3000)
    arn = "arn:aws:kinesis:us-east-1:123456789012:stream/s"
    assert query(kinesis, streamName="", streamARN=arn).batch() == sent
    assert kinesis.arns == {arn}


def test_a_closed_shard_is_read_to_its_end_and_its_children_behind_it_in_the_same_batch() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 3000)
    left, right = kinesis.add(SHARD), kinesis.add(SHARD)
    sent += kinesis.put_many(left, 3)
    merged = kinesis.add(left, right)
    sent += kinesis.put_many(merged, 2000)
    reader = query(kinesis)
    assert reader.batch() == sent
    assert positions(reader.start) == {
        SHARD: Finished(),
        left: Finished(),
        right: Finished(),
        merged: After(str(len(sent))),
    }


def test_finished_shards_are_forgotten_with_the_next_batch() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 3)
    reader.batch()
    child = kinesis.add(SHARD)
    reader.batch()
    sent = kinesis.put_many(child, 1)
    assert reader.batch() == sent
    assert positions(reader.start).keys() == {child}


@settings(max_examples=15)
@given(st.randoms(use_true_random=False))
def test_every_record_is_read_once_and_parents_first_however_the_stream_is_resharded(chance: Random) -> None:
    kinesis = FakeKinesis(2)
    reader = query(kinesis, shardFetchInterval="0s")
    sent: list[bytes] = []
    found: list[bytes] = []
    for _ in range(30):
        reshard(kinesis, chance)
        for shard in [name for name, shard in kinesis.shards.items() if not shard.closed]:
            sent += kinesis.put_many(shard, chance.choice([0, 1, 130]))
        if chance.random() < 0.3:
            reader.restart()
            reader.resume()
        if chance.random() < 0.5:
            found += reader.batch()
    found += reader.batch()
    found += reader.batch()
    assert sorted(found) == sorted(sent)
    assert_parents_first(kinesis, found)


def test_records_that_expired_unread_stop_the_query() -> None:
    reader, _ = behind()
    with pytest.raises(DataLossError, match="failOnDataLoss=false"):
        reader.resume()


@pytest.mark.parametrize("shards", [1, 3])
def test_a_quiet_stream_is_gone_on_with_after_any_time_that_the_query_ran(shards: int) -> None:
    kinesis = FakeKinesis(shards)
    reader = query(kinesis, shardFetchInterval="0s")
    kinesis.put_many(SHARD, 3)
    for _ in range(50):
        reader.batch()
        kinesis.wait(hours=1)
    kinesis.wait(hours=20)
    sent = kinesis.put_many(SHARD, 2)
    reader.restart()
    reader.resume()
    assert reader.batch() == sent


def test_a_quiet_stream_asks_for_a_batch_once_an_hour_and_none_reads() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis, shardFetchInterval="0s")
    kinesis.put_many(SHARD, 3)
    reader.batch()
    offsets = set()
    for _ in range(31):
        kinesis.wait(hours=0.1)
        offsets.add(json.dumps(reader.planner.latest().to_json()))
        assert reader.planner.tasks(reader.start, reader.planner.latest()) == []
    assert len(offsets) == 4


def test_a_query_that_stood_still_for_longer_than_records_are_kept_goes_on_where_its_last_ones_are_there() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 3)
    kinesis.kept *= 7
    reader.batch()
    kinesis.kept *= 2
    kinesis.wait(hours=24 * 8)
    sent = kinesis.put_many(SHARD, 2)
    kinesis.empty_pages = 1
    reader.restart()
    reader.resume()
    assert reader.batch() == sent


def test_a_retention_that_was_raised_afterwards_hides_no_loss() -> None:
    reader, _ = behind()
    reader.kinesis.kept *= 7
    with pytest.raises(DataLossError, match="failOnDataLoss=false"):
        reader.resume()


def test_records_that_expired_in_a_shard_that_had_been_empty_stop_the_query() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    reader.batch()
    kinesis.put_many(SHARD, 3)
    kinesis.wait(hours=25)
    reader.restart()
    with pytest.raises(DataLossError, match="not read for longer than its retention period"):
        reader.resume()


def test_records_that_expired_while_the_machine_slept_stop_the_query() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis, shardFetchInterval="0s")
    kinesis.put_many(SHARD, 3)
    reader.batch()
    kinesis.put_many(SHARD, 3)
    kinesis.wait(hours=25)
    kinesis.expire_iterators()
    with pytest.raises(DataLossError, match="not read for longer than its retention period"):
        reader.batch()


def test_a_backlog_that_was_planned_in_part_is_not_taken_for_complete() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis, maxFetchRate="0.01", maxFetchDuration="1s")
    kinesis.put_many(SHARD, 1)
    reader.batch()
    kinesis.put_many(SHARD, 4000, apart=10_000)
    reader.batch()
    kinesis.wait(hours=20)
    reader.restart()
    with pytest.raises(DataLossError, match="not read for longer than its retention period"):
        reader.resume()


def test_records_that_expired_unread_can_be_done_without() -> None:
    reader, left = behind(failOnDataLoss="false")
    reader.resume()
    assert reader.batch() == left


def test_a_shard_that_expired_unread_stops_the_query() -> None:
    kinesis = FakeKinesis(2)
    reader = query(kinesis, shardFetchInterval="0s")
    kinesis.put_many(SHARD, 3)
    reader.batch()
    del kinesis.shards[SHARD]
    with pytest.raises(DataLossError, match=f"the shards {SHARD} .* expired before they were read"):
        reader.batch()


def test_a_cut_off_batch_is_read_without_a_shard_that_expired_where_that_is_no_matter() -> None:
    kinesis = FakeKinesis(2)
    reader = query(kinesis, failOnDataLoss="false")
    kinesis.put_many(SHARD, 3)
    sent = kinesis.put_many("shardId-000000000001", 3)
    end, _ = reader.plan()
    del kinesis.shards[SHARD]
    reader.restart()
    assert reader.read(reader.planner.tasks(reader.start, end)) == sent


def test_a_stream_that_was_created_anew_stops_the_query() -> None:
    reader, _ = recreated()
    with pytest.raises(DataLossError, match="was created at"):
        reader.resume()


def test_a_stream_that_was_created_anew_can_be_read_from_its_beginning() -> None:
    reader, sent = recreated(failOnDataLoss="false")
    reader.resume()
    assert reader.batch() == sent


def test_a_checkpoint_of_other_streams_is_refused() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    reader.batch()
    other = query(kinesis, streamName="other")
    with pytest.raises(CheckpointError, match="the streams s, but the query reads other"):
        other.planner.tasks(reader.start, reader.start)


def test_a_batch_that_spark_asked_for_too_early_is_refused() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 3)
    reader.batch()
    reader.restart()
    kinesis.put_many(SHARD, 3)
    reader.planner.latest()
    with pytest.raises(OptionError, match="triggerAvailableNowWrapper"):
        reader.resume()


def test_pages_without_records_before_the_newest_are_passed_over() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 5)
    kinesis.empty_pages = 3
    assert query(kinesis).batch() == sent


def test_iterators_that_expire_between_two_batches_are_made_anew() -> None:
    kinesis = FakeKinesis()
    reader = query(kinesis)
    kinesis.put_many(SHARD, 5)
    reader.batch()
    kinesis.expire_iterators()
    sent = kinesis.put_many(SHARD, 5)
    assert reader.batch() == sent


def test_records_that_expired_while_a_batch_is_read_stop_it() -> None:
    kinesis = FakeKinesis()
    kinesis.put_many(SHARD, 3000)
    reader = query(kinesis)
    _, tasks = reader.plan()
    kinesis.trim(SHARD, 0)
    with pytest.raises(DataLossError, match="where a batch ends in the shard"):
        reader.read(tasks)


def test_a_task_says_what_it_read_of_each_shard() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 3000)
    reader = query(kinesis)
    _, tasks = reader.plan()
    kinesis.put_many(SHARD, 20_000)
    reader.read(tasks)
    (progress,) = reader.progress
    assert progress == ShardProgress("s", SHARD, 3000, sum(map(len, sent)), progress.millis_behind_latest)
    assert progress.millis_behind_latest > 0


def behind(**options: str) -> tuple[Query, list[bytes]]:
    """Return a query that is started again after records had expired, and what is left."""
    kinesis = FakeKinesis()
    reader = query(kinesis, **options)
    kinesis.put_many(SHARD, 3)
    reader.batch()
    kinesis.put_many(SHARD, 5)
    kinesis.wait(hours=20)
    left = kinesis.put_many(SHARD, 5)
    kinesis.wait(hours=5)
    reader.restart()
    return reader, left


def recreated(**options: str) -> tuple[Query, list[bytes]]:
    """Return a query whose stream was deleted and created anew since it was stopped, and what that holds."""
    before = FakeKinesis()
    before.put_many(SHARD, 3)
    reader = query(before, **options)
    reader.batch()
    reader.kinesis = FakeKinesis()
    reader.kinesis.created += 1
    sent = reader.kinesis.put_many(SHARD, 8)
    reader.restart()
    return reader, sent


def reshard(kinesis: FakeKinesis, chance: Random) -> None:
    """Split a shard, merge two, or leave all as it is."""
    still_open = [name for name, shard in kinesis.shards.items() if not shard.closed]
    choice = chance.random()
    if choice < 0.15:
        parent = chance.choice(still_open)
        kinesis.add(parent)
        kinesis.add(parent)
    elif choice < 0.3 and len(still_open) > 1:
        kinesis.add(*chance.sample(still_open, 2))


def assert_parents_first(kinesis: FakeKinesis, found: Sequence[bytes]) -> None:
    """Check that each shard's records came after all of its parents'."""
    places: dict[str, list[int]] = {}
    for place, data in enumerate(found):
        places.setdefault(data.decode().split("/", maxsplit=1)[0], []).append(place)
    for name, shard in kinesis.shards.items():
        assert places.get(name, []) == sorted(places.get(name, []))
        for parent in shard.parents:
            assert max(places.get(parent, [-1])) < min(places.get(name, [len(found)]))
