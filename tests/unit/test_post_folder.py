import json
from pathlib import Path

import pytest

from pinterest_pipeline.entities import GEO, PIN, USER
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.source import open_source
from tests.unit.posting import folder_of, json_rows, read


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


def test_bytes_that_are_no_text_are_posted_and_visible(tmp_path: Path) -> None:
    folder_of(tmp_path)
    (tmp_path / "geo.jsonl").write_bytes(b'\xef\xbb\xbf{"ind":1}\r\n{"ind":\xff}\n')

    first, second = read(open_source(str(tmp_path)), GEO)

    assert (first.key, first.value) == (1, '{"ind":1}')
    assert (second.key, json.loads(second.value)) == (None, '{"ind":\\xff}')


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
