import json
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st

from pinterest_pipeline.entities import ENTITIES, PIN, USER, Entity
from pinterest_pipeline.errors import PostError, SettingsError, SourceError
from pinterest_pipeline.post.api.client import MAX_REFUSED_IN_A_ROW, Pace
from pinterest_pipeline.post.batch import Tally, in_order, post_batch
from pinterest_pipeline.post.progress import Checkpoint, Progress, open_progress
from pinterest_pipeline.post.records import Page, Place, Record
from pinterest_pipeline.post.source.opening import Source, open_source
from tests.support.fake_api import FakeApi, fake_api, status
from tests.support.posting import NAMES, QUICK, fill, folder_of, json_rows, post_settings, row, sqlite_url

ROWS = 45
PIN_TOPIC = NAMES.topic(PIN)


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return open_source(sqlite_url(tmp_path, ROWS), {})


def test_every_row_of_every_table_goes_once_to_its_topic(api: FakeApi, source: Source, tmp_path: Path) -> None:
    tallies = post_batch(source, post_settings(api, tmp_path))

    assert tallies == tuple(Tally(entity, ROWS, read=ROWS, posted=ROWS) for entity in ENTITIES)
    for entity in ENTITIES:
        assert api.keys(NAMES.topic(entity)) == Counter(range(0, 2 * ROWS, 2))
    assert len(api.calls) == 3 * 5


def test_a_folder_posts_as_a_database_does(api: FakeApi, tmp_path: Path) -> None:
    lines = {entity.name: json_rows(entity, 3) for entity in ENTITIES} | {"geo": ["no json", '{"ind":"x"}']}

    tallies = post_batch(open_source(str(folder_of(tmp_path, **lines))), post_settings(api, tmp_path))

    assert [tally.posted for tally in tallies] == [3, 2, 3]
    assert api.values("abc123.geo") == ["no json", {"ind": "x"}]
    assert list(api.keys("abc123.geo")) == [None]


def test_no_page_of_a_folder_overtakes_another_since_the_newest_of_a_key_must_come_last(
    api: FakeApi, tmp_path: Path
) -> None:
    api.slow.append(0.2)
    lines = json_rows(PIN, ROWS)

    post_batch(open_source(str(folder_of(tmp_path, pin=lines))), post_settings(api, tmp_path))

    assert api.values(PIN_TOPIC) == [json.loads(line) for line in lines]


def test_the_newest_of_a_key_comes_last_also_when_the_older_one_goes_again(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, user=['{"ind":1,"age":20}', '{"ind":"1","age":21}'])))
    api.script.append(lambda call: api.take_some(call, lambda record: 2 if record["value"]["age"] == 20 else None))

    tallies = post_batch(source, post_settings(api, tmp_path))

    assert api.values(NAMES.topic(USER))[-1]["age"] == 21
    assert tallies[-1] == Tally(USER, 2, read=2, posted=2, repeated=2)


def test_rows_that_came_before_the_place_where_a_run_stopped_are_not_passed_over(
    api: FakeApi, source: Source, tmp_path: Path
) -> None:
    post_batch(source, post_settings(api, tmp_path))
    fill(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'source.db'}"), {"pin": [row(PIN, 3)]})

    with pytest.raises(PostError, match=r"1 rows of pinterest_data are before .* --restart"):
        post_batch(source, post_settings(api, tmp_path))
    post_batch(source, post_settings(api, tmp_path, restart=True))

    assert api.keys(PIN_TOPIC)[3] == 1


def test_rows_that_came_behind_the_place_where_a_run_stopped_are_posted(
    api: FakeApi, source: Source, tmp_path: Path
) -> None:
    post_batch(source, post_settings(api, tmp_path))
    fill(sqlalchemy.create_engine(f"sqlite:///{tmp_path / 'source.db'}"), {"pin": [row(PIN, 2 * ROWS)]})

    tallies = post_batch(source, post_settings(api, tmp_path))

    assert tallies[0] == Tally(PIN, ROWS + 1, already=ROWS, read=1, posted=1)


def test_another_file_in_the_place_of_a_posted_one_is_not_passed_over(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, pin=["old 1", "old 2"])))
    post_batch(source, post_settings(api, tmp_path))
    folder_of(tmp_path, pin=["new 1", "new 2"])

    with pytest.raises(SourceError, match=r"pin\.jsonl .* --restart"):
        post_batch(source, post_settings(api, tmp_path))


def test_a_finished_run_started_again_posts_nothing(api: FakeApi, source: Source, tmp_path: Path) -> None:
    post_batch(source, post_settings(api, tmp_path))
    api.calls.clear()

    tallies = post_batch(source, post_settings(api, tmp_path))

    assert api.calls == []
    assert tallies == tuple(Tally(entity, ROWS, already=ROWS) for entity in ENTITIES)


def test_restart_forgets_what_was_posted(api: FakeApi, source: Source, tmp_path: Path) -> None:
    post_batch(source, post_settings(api, tmp_path))

    tallies = post_batch(source, post_settings(api, tmp_path, restart=True))

    assert [tally.posted for tally in tallies] == [ROWS] * 3
    assert set(api.keys(PIN_TOPIC).values()) == {2}


def test_progress_is_one_source_s_and_one_prefix_s(api: FakeApi, source: Source, tmp_path: Path) -> None:
    post_batch(source, post_settings(api, tmp_path))

    other = replace(post_settings(api, tmp_path), names=replace(NAMES, prefix="other1"))

    assert [tally.posted for tally in post_batch(source, other)] == [ROWS] * 3


def test_a_run_that_stops_goes_on_where_it_stopped(api: FakeApi, source: Source, tmp_path: Path) -> None:
    api.script.extend([lambda _: None] * 3)
    api.otherwise = status(503)
    with pytest.raises(PostError, match="run the same command again"):
        post_batch(source, post_settings(api, tmp_path, replace(QUICK, in_flight=1)))
    api.otherwise = lambda _: None

    tallies = post_batch(source, post_settings(api, tmp_path))

    assert (tallies[0].already, tallies[0].posted) == (30, 15)
    assert set(api.keys(PIN_TOPIC).values()) == {1}


def test_dead_letters_hold_the_value_and_the_reason(api: FakeApi, source: Source, tmp_path: Path) -> None:
    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] == 6 else None)

    tallies = post_batch(source, post_settings(api, tmp_path))

    assert [(tally.posted, tally.dead) for tally in tallies] == [(ROWS - 1, 1)] * 3
    letters = [json.loads(line) for line in (tmp_path / "dead-letters.jsonl").read_text().splitlines()]
    assert [(letter["entity"], letter["key"], letter["position"]) for letter in letters] == [
        ("pin", 6, 6),
        ("geo", 6, 6),
        ("user", 6, 6),
    ]
    assert letters[0]["reason"] == "error_code 1: scripted"
    assert letters[0]["value"]["index"] == 6


def test_dead_letters_of_earlier_runs_are_counted(api: FakeApi, source: Source, tmp_path: Path) -> None:
    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] == 6 else None)
    post_batch(source, post_settings(api, tmp_path))

    assert post_batch(source, post_settings(api, tmp_path))[0] == Tally(PIN, ROWS, ROWS - 1, 1)


def test_dead_letters_are_on_disk_before_progress_moves(
    api: FakeApi, source: Source, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise KeyboardInterrupt

    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] == 0 else None)
    monkeypatch.setattr(Progress, "save", crash)

    with pytest.raises(KeyboardInterrupt):
        post_batch(source, post_settings(api, tmp_path))
    assert len((tmp_path / "dead-letters.jsonl").read_text().splitlines()) == 1


def test_an_api_that_refuses_everything_stops_before_the_source_is_lost(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(sqlite_url(tmp_path, MAX_REFUSED_IN_A_ROW), {})
    api.otherwise = status(400)

    with pytest.raises(PostError, match=r"refused all 50 records .* HTTP 400"):
        post_batch(source, post_settings(api, tmp_path, Pace(in_flight=1)))
    assert not (tmp_path / "dead-letters.jsonl").exists()
    assert not (tmp_path / "progress.json").exists()


def test_two_runs_cannot_share_a_progress_file(api: FakeApi, source: Source, tmp_path: Path) -> None:
    how = post_settings(api, tmp_path)

    with open_progress(how.progress), pytest.raises(SettingsError, match="another run"):
        post_batch(source, how)
    assert api.calls == []


@pytest.mark.parametrize("text", ["", "[]", "{", '{"a":1}', '{"a":{"x":1}}'])
def test_a_file_that_is_no_progress_file_is_refused_and_kept(tmp_path: Path, text: str) -> None:
    path = tmp_path / "progress.json"
    path.write_text(text)

    with pytest.raises(SettingsError, match="progress file"):
        Progress(path)
    assert path.read_text() == text


def test_progress_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(SettingsError, match="cannot write"), open_progress(tmp_path / "file" / "progress.json"):
        pass


def test_progress_survives_in_its_file(tmp_path: Path) -> None:
    Progress(tmp_path / "progress.json").save("a", Checkpoint(5, 4, 1, 77))

    assert Progress(tmp_path / "progress.json").checkpoint("a") == Checkpoint(5, 4, 1, 77)
    assert Progress(tmp_path / "progress.json").checkpoint("b") == Checkpoint()
    assert [path.name for path in tmp_path.iterdir()] == ["progress.json"]


def test_the_bar_begins_at_what_is_there_and_ends_at_all(api: FakeApi, source: Source, tmp_path: Path) -> None:
    seen: list[Tally] = []

    post_batch(source, post_settings(api, tmp_path), seen.append)

    user = [tally.read for tally in seen if tally.entity is USER]
    assert user == [0, 10, 20, 30, 40, 45]


@pytest.mark.parametrize("pace", [{"records_per_request": 0}, {"in_flight": 0}, {"in_flight": 65}])
def test_numbers_that_make_no_sense_are_refused(pace: dict[str, int]) -> None:
    with pytest.raises(SettingsError, match="must be"):
        Pace(**pace)


class Lottery:
    """Endpoints work that is under way in an order that hypothesis draws."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.under_way: dict[int, Future[int]] = {}
        self.ended: set[int] = set()
        self.most = 0

    def submit(self, piece: int) -> Future[int]:
        lottery = self

        class Ticket(Future[int]):
            def result(self, timeout: float | None = None) -> int:
                while not self.done():
                    lottery.end_one()
                return super().result(timeout)

        self.under_way[piece] = Ticket()
        self.most = max(self.most, len(self.under_way))
        ticket = self.under_way[piece]
        for _ in range(self.data.draw(st.integers(0, len(self.under_way)))):
            self.end_one()
        return ticket

    def end_one(self) -> None:
        piece = self.data.draw(st.sampled_from(sorted(self.under_way)))
        self.under_way.pop(piece).set_result(-piece)
        self.ended.add(piece)


@given(data=st.data(), count=st.integers(0, 20), window=st.integers(1, 5))
def test_whatever_order_requests_end_in_progress_follows_only_on_confirmed_ones(
    data: st.DataObject, count: int, window: int
) -> None:
    lottery = Lottery(data)
    yielded: list[int] = []
    begun: list[int] = []

    def work() -> Iterator[int]:
        for piece in range(count):
            begun.append(piece)
            yield piece

    for piece, result in in_order(work(), lottery.submit, window):
        yielded.append(piece)
        assert result == -piece
        assert lottery.ended.issuperset(range(piece + 1))
        assert len(begun) - len(yielded) < window

    assert yielded == list(range(count))
    assert lottery.most <= window


class Crashing:
    """A source that ends the run after some pages, as a crash would."""

    repeats_keys = False

    def __init__(self, source: Source, pages: int) -> None:
        self.name = source.name
        self._source, self._left = source, pages

    def count(self, entity: Entity) -> int:
        return self._source.count(entity)

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        for page in self._source.pages(entity, after, size):
            if not self._left:
                raise KeyboardInterrupt
            self._left -= 1
            yield page

    def places(self, entity: Entity) -> Iterator[tuple[int | None, int]]:
        return self._source.places(entity)

    def left(self) -> tuple[str, ...]:
        return self._source.left()

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        return self._source.rows_at(entity, positions)


@settings(max_examples=10)
@given(crashes=st.lists(st.integers(0, 12), max_size=5))
def test_runs_that_crash_anywhere_lose_nothing_and_repeat_no_more_than_was_in_flight(
    tmp_path_factory: pytest.TempPathFactory, crashes: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("crash")
    source = open_source(sqlite_url(folder, ROWS), {})
    with fake_api() as api:
        how = post_settings(api, folder)
        for pages in crashes:
            with suppress(KeyboardInterrupt):
                post_batch(Crashing(source, pages), how)
        post_batch(source, how)

    for entity in ENTITIES:
        counts = api.keys(NAMES.topic(entity))
        assert set(counts) == set(range(0, 2 * ROWS, 2))
    repeated = sum(sum(api.keys(NAMES.topic(entity)).values()) - ROWS for entity in ENTITIES)
    assert repeated <= len(crashes) * QUICK.in_flight * QUICK.records_per_request
