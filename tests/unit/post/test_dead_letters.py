import json
from pathlib import Path
from typing import Any

import pytest

from pinterest_pipeline.entities import GEO, PIN
from pinterest_pipeline.errors import PostError, SourceError
from pinterest_pipeline.post.api.route import Refusal
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.dead_letters import DeadLetters, append_dead_letters
from pinterest_pipeline.post.records import Record
from pinterest_pipeline.post.reposting import post_again
from pinterest_pipeline.post.source.opening import open_source
from tests.support.fake_api import FakeApi, status
from tests.support.posting import NAMES, folder_of, json_rows, post_settings


@pytest.fixture
def file(api: FakeApi, tmp_path: Path) -> Path:
    """A file with three dead letters of geo and one of pin, as a run has left it."""
    folder_of(tmp_path, pin=json_rows(PIN, 1), geo=json_rows(GEO, 3))
    settings = post_settings(api, tmp_path)
    api.otherwise = lambda call: api.take_some(call, lambda _: 1)
    post_batch(open_source(str(tmp_path)), settings)
    return settings.dead_letters


def lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_what_passes_now_leaves_the_file_and_the_rest_stays_with_its_newest_reason(api: FakeApi, file: Path) -> None:
    before = lines(file)
    api.otherwise = lambda call: api.take_some(call, lambda record: 50002 if record["key"] == 1 else None)

    tallies = post_again(DeadLetters(file), post_settings(api, file.parent))

    assert [(tally.rows, tally.posted, tally.dead) for tally in tallies] == [(1, 1, 0), (3, 2, 1), (0, 0, 0)]
    assert api.keys(NAMES.topic(GEO)) == {0: 1, 2: 1}
    (left,) = lines(file)
    assert left == next(letter for letter in before if letter["key"] == 1) | {"reason": "error_code 50002: scripted"}


def test_nothing_is_posted_or_kept_twice(api: FakeApi, file: Path) -> None:
    file.write_text(file.read_text() * 2)

    post_again(DeadLetters(file), post_settings(api, file.parent))
    assert len(lines(file)) == 4
    api.otherwise = lambda _: None
    post_again(DeadLetters(file), post_settings(api, file.parent))

    assert (api.keys(NAMES.topic(GEO)), lines(file)) == ({0: 1, 1: 1, 2: 1}, [])


def test_a_row_that_was_mended_is_posted_as_it_is_now(api: FakeApi, file: Path) -> None:
    letters = [{"entity": "geo", "value": {"ind": 7}}, {"entity": "geo", "value": '{"ind": 8}'}]
    file.write_text("".join(f"{json.dumps(letter)}\n" for letter in letters))
    api.otherwise = lambda _: None

    post_again(DeadLetters(file), post_settings(api, file.parent))

    assert api.taken == [(NAMES.topic(GEO), 7, {"ind": 7}), (NAMES.topic(GEO), 8, {"ind": 8})]


def test_what_could_not_be_decoded_stays_until_it_is_mended(api: FakeApi, file: Path) -> None:
    folder_of(file.parent)
    (file.parent / "geo.jsonl").write_bytes(b'{"ind":\xff}\n')
    file.unlink()
    api.otherwise = lambda _: None
    post_batch(open_source(str(file.parent)), post_settings(api, file.parent, restart=True))
    before = lines(file)

    post_again(DeadLetters(file), post_settings(api, file.parent))

    assert (lines(file), api.keys(NAMES.topic(GEO))) == (before, {})


def test_a_run_that_stops_keeps_what_is_left(api: FakeApi, file: Path) -> None:
    before = lines(file)
    api.script.append(lambda _: None)
    api.otherwise = status(403)

    with pytest.raises(PostError):
        post_again(DeadLetters(file), post_settings(api, file.parent))

    assert lines(file) == [letter for letter in before if letter["entity"] == "geo"]


def test_letters_that_come_meanwhile_stay(api: FakeApi, file: Path) -> None:
    letters = DeadLetters(file)
    api.otherwise = lambda _: None
    append_dead_letters(file, GEO, [Refusal(Record(9, '{"ind":9}', 5), "new")])

    post_again(letters, post_settings(api, file.parent))
    append_dead_letters(file, GEO, [Refusal(Record(10, '{"ind":10}', 6), "newer")])

    assert [letter["key"] for letter in lines(file)] == [10]


@pytest.mark.parametrize("line", ["no json", "[]", '{"entity": "geo"}', '{"entity": "pet", "value": {}}'])
def test_a_line_that_is_no_dead_letter_is_named_before_anything_is_posted(file: Path, line: str) -> None:
    file.write_text(f"{file.read_text()}{line}\n")

    with pytest.raises(SourceError, match="line 5 of"):
        DeadLetters(file)
