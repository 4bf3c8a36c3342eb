"""A generated source has all three tables, complete, or does not exist."""

import json
import resource
import sqlite3
import time
from contextlib import closing
from multiprocessing import get_context
from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES, USER, Entity
from pinterest_pipeline.errors import PipelineError, SettingsError, SourceError
from pinterest_pipeline.post.source.opening import open_source
from tooling.demo.sample_data.generator import Value, generate
from tooling.demo.sample_data.source_data import fill_source

each_entity = pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
Records = list[dict[str, Value]]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "source.db"


@pytest.fixture
def url(path: Path) -> str:
    return f"sqlite:///{path}"


def read(url: str, entity: Entity) -> Records:
    return [json.loads(record.value) for page in open_source(url).pages(entity, None, 1_000) for record in page.records]


def generated(entity: Entity, rows: int, seed: int) -> Records:
    names = [column.name for column in entity.source]
    return [dict(zip(names, row, strict=True)) for chunk in generate(entity, rows, seed) for row in chunk]


@each_entity
def test_posting_reads_exactly_the_generated_rows(entity: Entity, url: str) -> None:
    fill_source(url, 2_500, 4)
    assert read(url, entity) == generated(entity, 2_500, 4)


def test_no_rows_make_three_empty_tables(url: str) -> None:
    fill_source(url, 0, 1)
    assert [open_source(url).count(entity) for entity in ENTITIES] == [0, 0, 0]


def test_only_the_database_is_left_in_the_folder(path: Path, url: str) -> None:
    fill_source(url, 10, 1)
    assert list(path.parent.iterdir()) == [path]


def test_tables_that_are_there_are_kept(url: str) -> None:
    fill_source(url, 10, 1)
    with pytest.raises(SettingsError, match="already has pinterest_data, geolocation_data, user_data"):
        fill_source(url, 20, 2)
    assert read(url, USER) == generated(USER, 10, 1)


def test_tables_that_are_there_are_replaced_when_asked(url: str) -> None:
    fill_source(url, 20, 1)
    fill_source(url, 10, 2, replace=True)
    assert read(url, USER) == generated(USER, 10, 2)


@pytest.mark.parametrize("replace", [False, True])
def test_other_tables_of_the_database_stay(path: Path, url: str, replace: bool) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE notes AS SELECT 'keep me' AS note")
    fill_source(url, 10, 1, replace=replace)
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT note FROM notes").fetchall() == [("keep me",)]
    assert read(url, USER) == generated(USER, 10, 1)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("sqlite:nonsense", "needs a file"),
        ("sqlite:////no/such/folder/source.db", "there is no folder /no/such/folder"),
        ("sqlite:////tmp", "is a folder"),
        ("sqlite:////proc/source.db", "cannot fill /proc/source.db"),
        ("nonsense", "not a database URL"),
        ("oddbase://host/name", "no driver for oddbase"),
    ],
)
def test_a_place_that_cannot_be_used_is_named_in_one_line(location: str, message: str) -> None:
    with pytest.raises(PipelineError, match=message) as raised:
        fill_source(location, 1, 1)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_no_database_is_left_alone(path: Path, url: str) -> None:
    path.write_text("my diary")
    with pytest.raises(SourceError, match="not a database"):
        fill_source(url, 1, 1, replace=True)
    assert path.read_text() == "my diary"


def test_a_wrong_number_touches_nothing(path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match="number of rows"):
        fill_source(url, -1, 1)
    assert not path.exists()


def _fill_on_a_small_disk(url: str) -> str:
    resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))
    with pytest.raises(SourceError) as raised:
        fill_source(url, 20_000, 1, replace=True)
    return str(raised.value)


def test_a_full_disk_leaves_what_was_there(path: Path, url: str) -> None:
    fill_source(url, 10, 1)
    with get_context("spawn").Pool(1) as processes:
        message = processes.apply(_fill_on_a_small_disk, (url,))
    assert message.startswith(f"cannot fill {path}: ")
    assert "\n" not in message
    assert list(path.parent.iterdir()) == [path]
    assert read(url, USER) == generated(USER, 10, 1)


def test_a_killed_run_leaves_no_database_and_the_next_one_works(path: Path, url: str) -> None:
    process = get_context("spawn").Process(target=fill_source, args=(url, 3_000_000, 1))
    process.start()
    while not any(part.stat().st_size > 100_000 for part in path.parent.iterdir()):
        assert process.is_alive()
        time.sleep(0.02)
    process.kill()
    process.join()
    assert not path.exists()
    fill_source(url, 10, 1)
    assert list(path.parent.iterdir()) == [path]
