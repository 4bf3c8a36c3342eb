import json
import math
import sqlite3
from contextlib import closing
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from threading import Timer

import pytest
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity, Kind
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.api.client import MAX_REFUSED_IN_A_ROW, Pace
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.records import Place
from pinterest_pipeline.post.source.opening import open_source, source_table
from pinterest_pipeline.post.source.values import value_of_kind
from tests.support.fake_api import FakeApi
from tests.support.posting import database, execute, post_settings, read, row, sqlite_url


@pytest.mark.parametrize("size", [1, 3, 7, 500])
def test_pages_of_any_size_give_each_row_once_in_key_order(tmp_path: Path, size: int) -> None:
    source = open_source(sqlite_url(tmp_path, 20), {})

    assert [record.key for record in read(source, PIN, size=size)] == list(range(0, 40, 2))
    assert source.count(PIN) == 20


def test_reading_goes_on_after_any_page(tmp_path: Path) -> None:
    source = open_source(sqlite_url(tmp_path, 20), {})

    first = next(source.pages(GEO, None, 7))

    assert first.last == Place(12)
    assert [record.key for record in read(source, GEO, first.last, 7)] == list(range(14, 40, 2))


def test_rows_that_share_a_key_are_never_cut_apart(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(
        url,
        "DROP TABLE user_data",
        "CREATE TABLE user_data (ind INTEGER, first_name TEXT, last_name TEXT, age INTEGER, date_joined TEXT)",
        "INSERT INTO user_data (ind) VALUES (1), (2), (2), (3), (3), (3), (3), (4)",
    )
    source = open_source(url, {})

    for size in (1, 2, 3):
        assert [record.key for record in read(source, USER, size=size)] == [1, 2, 2, 3, 3, 3, 3, 4]


def test_a_key_below_zero_is_read_too(tmp_path: Path) -> None:
    source = open_source(database(tmp_path, pin=[row(PIN, -5), row(PIN, 5)]), {})

    assert [record.key for record in read(source, PIN)] == [-5, 5]


def test_a_row_is_the_source_s_columns_on_the_wire(tmp_path: Path) -> None:
    moment = datetime.fromisoformat("2018-08-24 07:56:22.500000")
    source = open_source(database(tmp_path, geo=[row(GEO, 33, country=None, timestamp=moment), row(GEO, 34)]), {})

    half, whole = (json.loads(record.value) for record in read(source, GEO))

    assert half == {
        "ind": 33,
        "timestamp": "2018-08-24 07:56:22.500000",
        "latitude": 1.5,
        "longitude": 1.5,
        "country": None,
    }
    assert whole["timestamp"] == "2018-08-24 07:56:22"


def test_values_that_do_not_fit_their_column_come_through(tmp_path: Path) -> None:
    url = database(tmp_path, geo=[row(GEO, 1)])
    execute(url, "UPDATE geolocation_data SET timestamp = 'yesterday', latitude = 'north', country = x'c3a9'")

    (value,) = (json.loads(record.value) for record in read(open_source(url, {}), GEO))

    assert (value["timestamp"], value["latitude"], value["country"]) == ("yesterday", "north", "é")


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE geolocation_data SET country = x'fe41' WHERE ind = 1",
        "UPDATE geolocation_data SET country = CAST(x'fe41' AS TEXT) WHERE ind = 1",
    ],
)
def test_text_that_cannot_be_decoded_costs_its_row_alone(tmp_path: Path, statement: str) -> None:
    url = database(tmp_path, geo=[row(GEO, 1), row(GEO, 2)])
    execute(url, statement)

    first, second = read(open_source(url, {}), GEO)

    assert (first.flaw, second.flaw) == ("country: expected text in UTF-8, got the byte 0xfe at 0", "")


def test_a_table_of_text_that_cannot_be_decoded_goes_to_the_dead_letters(api: FakeApi, tmp_path: Path) -> None:
    url = database(tmp_path, geo=[row(GEO, key) for key in range(MAX_REFUSED_IN_A_ROW + 1)])
    execute(url, "UPDATE geolocation_data SET country = x'fe'")

    tallies = post_batch(
        open_source(url, {}), post_settings(api, tmp_path, Pace(records_per_request=MAX_REFUSED_IN_A_ROW))
    )

    assert (tallies[1].posted, tallies[1].dead) == (0, MAX_REFUSED_IN_A_ROW + 1)


@pytest.mark.parametrize(
    ("kind", "found", "written"),
    [
        (Kind.FLAG, True, 1),
        (Kind.FLAG, "yes", "yes"),
        (Kind.INTEGER, "007", 7),
        (Kind.INTEGER, 36.0, 36),
        (Kind.INTEGER, 36.5, 36.5),
        (Kind.INTEGER, Decimal(36), 36),
        (Kind.INTEGER, 2**64, 2**64),
        (Kind.INTEGER, "9" * 5000, "9" * 5000),
        (Kind.REAL, "40.5", 40.5),
        (Kind.REAL, "1e400", "1e400"),
        (Kind.REAL, Decimal("40.5"), 40.5),
        (Kind.REAL, Decimal("1e1000000"), "1E+1000000"),
        (Kind.REAL, math.inf, "inf"),
        (Kind.COUNT, 17, "17"),
        (Kind.TEXT, Decimal("1.50"), "1.50"),
        (Kind.TEXT, False, "false"),
        (Kind.TEXT, memoryview("é".encode()), "é"),
        (Kind.TIMESTAMP, date.fromisoformat("2018-08-24"), "2018-08-24 00:00:00"),
        (Kind.TIMESTAMP, 1535097382, 1535097382),
        (Kind.TIMESTAMP, None, None),
    ],
)
def test_the_declared_kind_decides_what_a_value_is(kind: Kind, found: object, written: object) -> None:
    value = value_of_kind(found, kind)

    assert (value, type(value)) == (written, type(written))


def test_a_column_that_rows_may_lack_may_be_missing(tmp_path: Path) -> None:
    url = database(tmp_path, pin=[row(PIN, 1)])
    execute(url, "ALTER TABLE pinterest_data DROP COLUMN poster_name")

    (record,) = read(open_source(url, {}), PIN)

    assert "poster_name" not in json.loads(record.value)


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        ("DROP TABLE user_data", "no table user_data"),
        ("ALTER TABLE user_data DROP COLUMN age", "user_data lacks age"),
    ],
)
def test_a_table_or_column_that_is_missing_is_named(tmp_path: Path, statement: str, message: str) -> None:
    url = database(tmp_path)
    execute(url, statement)

    with pytest.raises(SourceError, match=message):
        open_source(url, {})


def test_a_key_that_is_text_is_refused_because_its_order_is_another(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(url, "DROP TABLE user_data", "CREATE TABLE user_data (ind TEXT, first_name, last_name, age, date_joined)")

    with pytest.raises(SourceError, match="integer column"):
        open_source(url, {})


def test_rows_without_a_key_are_counted_and_refused(tmp_path: Path) -> None:
    url = database(tmp_path)
    execute(
        url,
        "DROP TABLE user_data",
        "CREATE TABLE user_data (ind INTEGER, first_name, last_name, age, date_joined)",
        "INSERT INTO user_data VALUES (NULL, 'a', 'b', 1, ''), (1, 'a', 'b', 1, '')",
    )

    with pytest.raises(SourceError, match="1 rows of user_data have no ind"):
        open_source(url, {}).count(USER)


def test_a_locked_database_is_asked_again_until_it_is_free(tmp_path: Path) -> None:
    source = open_source(f"{database(tmp_path, geo=[row(GEO, 1)])}?timeout=0", {})
    with closing(sqlite3.connect(tmp_path / "source.db", check_same_thread=False)) as other:
        other.execute("BEGIN EXCLUSIVE")
        freed = Timer(0.3, other.rollback)
        freed.start()
        count = source.count(GEO)
        freed.join()

    assert count == 1


def test_a_database_that_stays_locked_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waits = list[float]()
    monkeypatch.setattr("tenacity.nap.time.sleep", waits.append)
    url = f"{database(tmp_path)}?timeout=0"
    with closing(sqlite3.connect(tmp_path / "source.db")) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(SourceError, match="database is locked") as raised:
            open_source(url, {})

    assert len(waits) > 3
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_mysql_tables_take_every_text_and_fractions_of_seconds(entity: Entity) -> None:
    ddl = str(CreateTable(source_table(entity)).compile(dialect=mysql.dialect()))

    assert "CHARSET=utf8mb4" in ddl
    assert f"PRIMARY KEY (`{entity.key}`)" in ddl
    assert "AUTO_INCREMENT" not in ddl
