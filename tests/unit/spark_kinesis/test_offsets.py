"""Offsets are written and read without loss, and what is not one is refused."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_kinesis.errors import CheckpointError
from spark_kinesis.options import Stream
from spark_kinesis.positions import After, Finished, Json, Latest, Offset, Since, StreamOffset, TrimHorizon
from spark_kinesis.ranges import Range, between

TIMES = st.integers(0, 2**45)
POSITIONS = st.one_of(
    st.builds(After, st.integers(0, 10**56).map(str)),
    st.builds(Since, TIMES),
    st.just(TrimHorizon()),
    st.just(Finished()),
)
STREAMS = st.builds(StreamOffset, st.none() | TIMES, TIMES, TIMES, st.dictionaries(st.text(), POSITIONS))
OFFSETS = st.builds(
    Offset,
    st.one_of(st.just(Latest()), st.just(TrimHorizon()), st.builds(Since, TIMES)),
    st.dictionaries(st.text(), STREAMS),
)
DOCUMENTED: dict[str, Json] = {
    "version": 2,
    "initial": {"since": 1_700_000_000_000},
    "streams": {
        "pins": {
            "created": 1_690_000_000_000,
            "complete_until_ms": 1_700_000_100_000,
            "retention_ms": 86_400_000,
            "shards": {
                "shardId-000000000000": "finished",
                "shardId-000000000001": {"after": "49590338271490256608559692538361571095921575989136588898"},
                "shardId-000000000002": {"since": 1_700_000_000_000},
            },
        }
    },
}
VERSION_1 = (
    '{"version": 1, "initial": {"since": 1700000000000}, "streams": {"pins": {"created": 1690000000000, '
    '"complete": 1700000100000, "kept": 86400000, "shards": {"shardId-000000000000": "finished", '
    '"shardId-000000000001": {"after": "49590338271490256608559692538361571095921575989136588898"}, '
    '"shardId-000000000002": {"since": 1700000000000}}}}}'
)
"""The same offset as the source wrote it before it had `complete_until_ms` and `retention_ms`."""


@given(OFFSETS)
def test_an_offset_is_read_as_it_was_written_and_written_as_it_was_read(offset: Offset) -> None:
    text = json.dumps(offset.to_json())
    again = Offset.from_json(json.loads(text))
    assert again == offset
    assert json.dumps(again.to_json()) == text


def test_the_documented_offset_is_one() -> None:
    assert Offset.from_json(DOCUMENTED).to_json() == DOCUMENTED


def test_an_offset_of_an_earlier_version_is_read_and_written_in_the_new_one() -> None:
    assert Offset.from_json(json.loads(VERSION_1)).to_json() == DOCUMENTED


@pytest.mark.parametrize("version", [0, 3, "1", None])
def test_another_version_is_refused(version: Json) -> None:
    with pytest.raises(CheckpointError, match="must have version 1 or 2, found"):
        Offset.from_json(DOCUMENTED | {"version": version})


@pytest.mark.parametrize(
    "position",
    ["somewhere", "latest", {"after": 5}, {"after": "five"}, {"since": "5"}, {"after": "5", "since": 5}, None],
)
def test_a_position_that_is_none_is_refused(position: Json) -> None:
    streams: Json = {
        "pins": {
            "created": None,
            "complete_until_ms": 0,
            "retention_ms": 0,
            "shards": {"shardId-000000000000": position},
        }
    }
    with pytest.raises(CheckpointError, match="cannot be read"):
        Offset.from_json(DOCUMENTED | {"streams": streams})


def test_a_batch_reads_each_shard_from_its_start_to_its_end() -> None:
    start = Offset(TrimHorizon(), {"pins": StreamOffset(1, 0, 0, {"a": After("5"), "b": After("7")})})
    end = Offset(TrimHorizon(), {"pins": StreamOffset(1, 0, 0, {"a": Finished(), "b": After("7"), "c": After("9")})})
    pins = Stream("pins")
    assert between(pins, start, end) == [
        Range(pins, "a", After("5"), Finished()),
        Range(pins, "c", TrimHorizon(), After("9")),
    ]


def test_positions_of_a_recreated_stream_are_ignored() -> None:
    start = Offset(TrimHorizon(), {"pins": StreamOffset(1, 0, 0, {"a": After("5")})})
    end = Offset(TrimHorizon(), {"pins": StreamOffset(2, 0, 0, {"a": After("9")})})
    assert between(Stream("pins"), start, end)[0].start == TrimHorizon()


def test_a_batch_that_goes_back_is_refused() -> None:
    start = Offset(TrimHorizon(), {"pins": StreamOffset(1, 0, 0, {"a": After("5")})})
    end = Offset(TrimHorizon(), {"pins": StreamOffset(1, 0, 0, {"a": Since(3)})})
    with pytest.raises(CheckpointError, match="cannot go back"):
        between(Stream("pins"), start, end)
