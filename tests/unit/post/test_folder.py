import json
from pathlib import Path

import pytest

from pinterest_pipeline.entities import GEO, PIN, USER
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.source.opening import open_source
from tests.support.fake_api import FakeApi
from tests.support.posting import NAMES, folder_of, json_rows, post_settings, read


@pytest.mark.parametrize("size", [1, 3, 500])
def test_a_folder_is_read_page_by_page_and_goes_on_after_any_of_them(tmp_path: Path, size: int) -> None:
    source = open_source(str(folder_of(tmp_path, pin=json_rows(PIN, 7))))

    first = next(source.pages(PIN, None, size))
    rest = read(source, PIN, first.last, size)

    assert [record.key for record in (*first.records, *rest)] == list(range(7))
    assert source.count(PIN) == 7


def test_blank_lines_are_no_rows(tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, user=["", *json_rows(USER, 2), "  ", "", "\r"])))

    assert source.count(USER) == len(read(source, USER)) == 2


@pytest.mark.parametrize(
    "line", ["plain text", "[1,2]", '"text"', "33", '{"ind":', "[" * 100_000, '{"ind":' + "9" * 5000 + "}"]
)
def test_a_line_that_is_no_json_object_is_posted_as_its_text(tmp_path: Path, line: str) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[line]))), GEO)

    assert (record.key, json.loads(record.value)) == (None, line)


@pytest.mark.parametrize(
    "line", ['{"ind":1,"ind":2}', '{"ind":1,"more":{"a":1,"a":1}}', '{"ind":NaN}', '{"ind":-Infinity}']
)
def test_a_line_that_json_on_the_way_would_change_is_posted_as_its_text(tmp_path: Path, line: str) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[line]))), GEO)

    assert (record.key, json.loads(record.value)) == (None, line)


@pytest.mark.parametrize(
    ("number", "posted"),
    [
        ("1e400", "1e400"),
        ("-1e400", "-1e400"),
        ("47.12345678901234567890", "47.12345678901234567890"),
        ("1e-400", "1e-400"),
        ("1.50", 1.5),
        ("0.1", 0.1),
        ("9" * 400, int("9" * 400)),
    ],
)
def test_a_number_that_no_double_holds_is_posted_as_its_text(tmp_path: Path, number: str, posted: object) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[f'{{"ind":1,"latitude":{number}}}']))), GEO)

    assert json.loads(record.value) == {"ind": 1, "latitude": posted}


def test_a_line_with_bytes_that_are_no_utf_8_is_a_dead_letter_and_the_others_go(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / "geo.jsonl").write_bytes(b'\xef\xbb\xbf{"ind":1}\r\n{"ind":\xff}\n{"ind":2}\n')

    tallies = post_batch(open_source(str(tmp_path)), post_settings(api, tmp_path))

    (letter,) = (json.loads(line) for line in (tmp_path / "dead-letters.jsonl").read_text().splitlines())
    assert (tallies[1].posted, tallies[1].dead) == (2, 1)
    assert api.values(NAMES.topic(GEO)) == [{"ind": 1}, {"ind": 2}]
    assert letter["reason"] == "expected text in UTF-8, got the byte 0xff at 7"
    assert letter["value"].encode("utf-8", "surrogateescape") == b'{"ind":\xff}'


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "utf-32", "latin-1"])
def test_a_file_that_is_no_utf_8_at_all_is_refused(tmp_path: Path, encoding: str) -> None:
    folder_of(tmp_path)
    (tmp_path / "geo.jsonl").write_text('{"ind":1,"country":"é"}\n{"ind":2,"country":"è"}\n', encoding=encoding)

    with pytest.raises(SourceError, match=r"geo\.jsonl is not UTF-8 text"):
        open_source(str(tmp_path))


def test_a_last_line_that_is_still_being_written_is_left_for_the_next_run(api: FakeApi, tmp_path: Path) -> None:
    folder_of(tmp_path, geo=json_rows(GEO, 2))
    file, whole = tmp_path / "geo.jsonl", (json_rows(GEO, 3)[2] + "\n").encode()
    complete = file.read_bytes()
    file.write_bytes(complete + whole[:9])

    source, settings = open_source(str(tmp_path)), post_settings(api, tmp_path)
    first = post_batch(source, settings)
    (left,) = source.left()
    file.write_bytes(complete + whole)
    second = post_batch(source, settings)

    assert (first[1].rows, first[1].posted) == (2, 2)
    assert left.startswith(f"the last line of {file} has no newline")
    assert (second[1].posted, source.left()) == (1, ())
    assert api.keys(NAMES.topic(GEO)) == {0: 1, 1: 1, 2: 1}


@pytest.mark.parametrize(
    ("key", "number"),
    [
        ("36", 36),
        ("36.0", 36),
        ("3.6e1", 36),
        ('"36"', 36),
        ('" 36.0\\n"', 36),
        ('"036"', 36),
        ('"0.36E+2"', 36),
        ('"-0"', 0),
        ("2147483647.0", 2147483647),
        ('"2147483647"', 2147483647),
    ],
)
def test_a_key_that_cleaning_takes_for_a_whole_number_is_that_number(tmp_path: Path, key: str, number: int) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[f'{{"ind":{key}}}']))), GEO)

    assert record.key == number
    assert json.loads(record.value) == {"ind": json.loads(key)}


@pytest.mark.parametrize(
    "key",
    [
        "33.5",
        "null",
        "true",
        "[1]",
        "2147483648.0",
        '"2147483648"',
        '"1e400"',
        '"1e999999999"',
        '"1e-999999999"',
        '"%s"' % ("9" * 100_000),
        '"33.5"',
        '"3_3"',
        '"+33"',
        '"33."',
        '"nan"',
        '"Infinity"',
        '"\u0663"',
        '""',
    ],
    ids=lambda key: key[:20],
)
def test_a_key_that_is_no_whole_number_is_none(tmp_path: Path, key: str) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[f'{{"ind":{key},"more":1}}']))), GEO)

    assert record.key is None
    assert json.loads(record.value) == {"ind": json.loads(key), "more": 1}


def test_a_number_beyond_all_numbers_is_no_key(tmp_path: Path) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=['{"ind":1e999999999}']))), GEO)

    assert record.key is None


@pytest.mark.parametrize("changed", [["", "a", "b"], ["a", "b"], ["a", "B", "c"], []])
def test_a_file_whose_posted_part_changed_is_noticed(tmp_path: Path, changed: list[str]) -> None:
    source = open_source(str(folder_of(tmp_path, geo=["a", "b", "c"])))
    last = [page.last for page in source.pages(GEO, None, 10)][-1]
    folder_of(tmp_path, geo=changed)

    with pytest.raises(SourceError, match="--restart"):
        read(source, GEO, last)


def test_lines_that_a_file_gained_at_its_end_are_read(tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, geo=["a", "b"])))
    last = [page.last for page in source.pages(GEO, None, 10)][-1]
    folder_of(tmp_path, geo=["a", "b", "c"])

    assert [record.value for record in read(source, GEO, last)] == ['"c"']


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing: pin\.jsonl, geo\.jsonl, user\.jsonl"):
        open_source(str(tmp_path))
