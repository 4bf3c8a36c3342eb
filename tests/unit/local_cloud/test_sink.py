"""The sink's pure parts: names of files, rotation, values."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kafka.landing import LandedFile, Landing, read_file_name
from tooling.local_cloud.kafka.sink import OpenFile, Rotation, to_line

FILE = LandedFile("abc.pin", 2, 1000)
ROTATION = Rotation(flush_size=3, rotate_interval_ms=100, idle_ms=500, max_bytes=50)


def open_file(lines: int = 1, touched: float = 0.0) -> OpenFile:
    file = OpenFile(FILE, first_timestamp=5000)
    for _ in range(lines):
        file.add(b"{}\n", touched)
    return file


def test_a_file_is_named_as_confluent_names_it() -> None:
    assert FILE.path == "topics/abc.pin/partition=2/abc.pin+2+0000001000.json"


def test_a_name_is_read_back() -> None:
    assert read_file_name(Path(FILE.path).name) == FILE


@pytest.mark.parametrize("name", ["abc.pin+2+1000.json", ".abc.pin+2+0000001000.json", "abc.pin+2+0000001000.txt", "x"])
def test_other_names_are_none_of_its_files(name: str) -> None:
    assert read_file_name(name) is None


def test_a_file_is_full_at_the_flush_size() -> None:
    assert not open_file(lines=2).is_full(ROTATION)
    assert open_file(lines=3).is_full(ROTATION)


def test_a_file_of_large_records_is_full_before() -> None:
    file = open_file()
    file.add(b"x" * 50, 0)
    assert file.is_full(ROTATION)


@pytest.mark.parametrize(("timestamp", "admitted"), [(5000, True), (5099, True), (5100, False)])
def test_record_time_ends_a_file(timestamp: int, admitted: bool) -> None:
    assert open_file().admits(1001, timestamp, ROTATION) is admitted


def test_without_an_interval_time_ends_no_file() -> None:
    assert open_file().admits(1001, 10**12, Rotation())


def test_a_gap_in_the_offsets_ends_a_file_because_its_name_must_tell_them_all() -> None:
    assert not open_file().admits(1002, 5000, ROTATION)


def test_a_silent_partition_has_its_file_written() -> None:
    assert not open_file(touched=10).is_idle(10.4, ROTATION)
    assert open_file(touched=10).is_idle(10.5, ROTATION)


@pytest.mark.parametrize("value", [b'{"a":1}', b"[]", b'"text"', b"1.50", b'{"a":1e999}'])
def test_a_json_value_lands_as_it_is(value: bytes) -> None:
    assert to_line(value) == value + b"\n"


def test_a_printed_json_value_lands_on_one_line() -> None:
    assert json.loads(to_line(b'{\r\n "a": 1\n}\n')) == {"a": 1}
    assert to_line(b'{\r\n "a": 1\n}\n').count(b"\n") == 1


@pytest.mark.parametrize("value", [b"", b"test", b"{", b"NaN", b"{} {}", b"[" * 100_000])
def test_a_value_that_is_no_json_lands_as_a_string_of_its_text(value: bytes) -> None:
    assert json.loads(to_line(value)) == value.decode()


def test_a_tombstone_lands_as_null() -> None:
    assert to_line(None) == b"null\n"


@given(st.binary())
def test_any_value_lands_as_one_json_line(value: bytes) -> None:
    line = to_line(value)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    json.loads(line)


def test_an_empty_landing_begins_at_the_beginning(tmp_path: Path) -> None:
    assert Landing.at(str(tmp_path)).position("abc.pin", 2) == 0


def test_the_position_is_the_last_file_and_its_lines(tmp_path: Path) -> None:
    landing = Landing.at(str(tmp_path))
    landing.write(LandedFile("abc.pin", 2, 0), b"1\n2\n")
    landing.write(LandedFile("abc.pin", 2, 2), b"3\n")
    landing.write(LandedFile("abc.pin", 1, 0), b"1\n")
    assert landing.position("abc.pin", 2) == 3
    assert [file.start for file in landing.files("abc.pin")] == [0, 0, 2]


def test_a_file_on_its_way_is_not_there_yet(tmp_path: Path) -> None:
    landing = Landing.at(str(tmp_path))
    landing.write(LandedFile("abc.pin", 2, 0), b"1\n")
    (tmp_path / "topics/abc.pin/partition=2/.abc.pin+2+0000000001.json").write_bytes(b"2\n")
    assert landing.position("abc.pin", 2) == 1


def test_a_landing_is_a_folder_or_on_s3(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match="a folder or to s3://bucket/prefix"):
        Landing.at("https://example.org")
    (tmp_path / "topics").write_text("in the way")
    with pytest.raises(LocalCloudError, match="cannot write"):
        Landing.at(str(tmp_path)).write(FILE, b"1\n")
