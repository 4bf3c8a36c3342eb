"""Calls are tried again while Kinesis is busy, and what it says is put into words."""

import pytest
from botocore.exceptions import ConnectionClosedError, NoCredentialsError

from spark_kinesis.client import Client
from spark_kinesis.cursors import Cursor
from spark_kinesis.errors import OptionError, ServiceError
from spark_kinesis.options import Stream
from spark_kinesis.positions import After, Finished, Since, TrimHorizon
from tests.support.fake_kinesis import FakeKinesis, fault

SHARD = "shardId-000000000000"
STREAM = Stream("s")
BUSY = [
    fault("ProvisionedThroughputExceededException"),
    fault("LimitExceededException"),
    fault("KMSThrottlingException"),
    fault("InternalFailure", status=500),
    fault("anything", status=503),
    ConnectionClosedError(endpoint_url="http://here"),
]


class Waits(list[float]):
    """How long a client waited, each time."""

    def __call__(self, seconds: float) -> None:
        self.append(seconds)


def client(kinesis: FakeKinesis) -> tuple[Client, Waits]:
    waits = Waits()
    return Client(kinesis, waits), waits


@pytest.mark.parametrize("busy", BUSY, ids=str)
def test_a_call_is_tried_again_while_kinesis_is_busy(busy: Exception) -> None:
    kinesis = FakeKinesis()
    kinesis.faults.extend([busy] * 4)
    calls, waits = client(kinesis)
    assert calls.shards(STREAM)[0].keys() == {SHARD}
    assert all(wait <= most for wait, most in zip(waits, [0.2, 0.4, 0.8, 1.6], strict=True))


def test_trying_again_has_an_end() -> None:
    kinesis = FakeKinesis()
    kinesis.faults.extend([fault("ProvisionedThroughputExceededException", "slow down")] * 99)
    calls, waits = client(kinesis)
    with pytest.raises(ServiceError, match=r"ListShards failed on the stream s: .*slow down"):
        calls.shards(STREAM)
    assert len(waits) == 11


@pytest.mark.parametrize("error", [fault("AccessDeniedException", "not you"), NoCredentialsError()], ids=str)
def test_what_does_not_pass_is_not_tried_again(error: Exception) -> None:
    kinesis = FakeKinesis()
    kinesis.faults.append(error)
    calls, waits = client(kinesis)
    with pytest.raises(ServiceError, match="DescribeStreamSummary failed"):
        calls.describe(STREAM)
    assert waits == []


def test_a_stream_that_does_not_exist_is_named() -> None:
    with pytest.raises(ServiceError, match="there is no stream other,"):
        client(FakeKinesis())[0].describe(Stream("other"))


def test_shards_are_listed_page_by_page_without_a_token() -> None:
    kinesis = FakeKinesis(7)
    kinesis.page_of_shards = 3
    assert len(client(kinesis)[0].shards(STREAM)[0]) == 7
    assert kinesis.calls["ListShards"] == 3


def test_closed_shards_and_parents_are_seen() -> None:
    kinesis = FakeKinesis(2)
    child = kinesis.add(*kinesis.shards)
    found, _ = client(kinesis)[0].shards(STREAM)
    assert found[child].parents == tuple(found)[:2]
    assert [shard.closed for shard in found.values()] == [True, True, False]


def test_an_iterator_that_expired_is_made_anew_behind_the_last_record() -> None:
    kinesis = FakeKinesis()
    sent = kinesis.put_many(SHARD, 10)
    cursor = Cursor(client(kinesis)[0], STREAM, SHARD, TrimHorizon())
    first = cursor.page(4)
    kinesis.expire_iterators()
    second = cursor.page(100)
    assert [record["Data"] for record in first.records + second.records] == sent


def test_iterators_that_always_expire_stop_the_reading() -> None:
    kinesis = FakeKinesis()
    kinesis.iterators_are_old = True
    with pytest.raises(ServiceError, match="5 iterators in a row"):
        Cursor(client(kinesis)[0], STREAM, SHARD, TrimHorizon()).page(1)


def test_a_time_in_the_future_is_no_loss_and_never_read_from_the_oldest_record() -> None:
    kinesis = FakeKinesis()
    cursor = Cursor(client(kinesis)[0], STREAM, SHARD, Since(kinesis.now + 1000), fail_on_data_loss=False)
    with pytest.raises(OptionError, match="initialPosition must not lie in the future"):
        cursor.page(1)


def test_a_closed_shards_end_is_a_position() -> None:
    kinesis = FakeKinesis()
    kinesis.put_many(SHARD, 2)
    kinesis.add(SHARD)
    cursor = Cursor(client(kinesis)[0], STREAM, SHARD, After("1"))
    assert len(cursor.page(10).records) == 1
    assert cursor.position == Finished()
