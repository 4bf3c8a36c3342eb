import json
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy
from jsonschema import Draft4Validator

from pinterest_pipeline.contracts.schemas import json_schema
from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.source.opening import open_source
from pinterest_pipeline.post.stream import post_stream
from tests.support.authority import write_certificates
from tests.support.fake_api import fake_api
from tests.support.mariadb import Server, mariadb, require_mariadb
from tests.support.posting import NAMES, fill, post_settings, row, stream_settings

ROWS = 250
STRANGE = "😀 Ünïcödé \u00a0 \t \x01 'quoted' \"double\" \\ %s 漢字 \u202e"
_TYPED = """
CREATE DATABASE typed CHARACTER SET utf8mb4; USE typed; SET time_zone = '+00:00';
CREATE TABLE pinterest_data (
  `index` BIGINT UNSIGNED PRIMARY KEY, unique_id TEXT, title TEXT, description VARBINARY(99), follower_count INT,
  tag_list TEXT, is_image_or_video TEXT, image_src TEXT, downloaded BIT(1), save_location TEXT, category TEXT);
CREATE TABLE geolocation_data (
  ind BIGINT PRIMARY KEY, timestamp TIMESTAMP(3), latitude DECIMAL(20, 15), longitude TEXT, country TEXT);
CREATE TABLE user_data (ind INT PRIMARY KEY, first_name TEXT, last_name TEXT, age BIT(8), date_joined DATE);
INSERT INTO pinterest_data (`index`, title, description, follower_count, downloaded) VALUES
  (1, '😀', x'c3a9', 17, 1), (2, 'a', x'fe', NULL, 0), (18446744073709551615, 'b', NULL, NULL, NULL);
INSERT INTO geolocation_data VALUES (1, '2018-08-24 10:00:00.250', 47.115900000000003, '-7.5', 'x');
INSERT INTO user_data VALUES (1, 'a', 'b', 49, '2015-12-31')
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    require_mariadb()
    with mariadb(tmp_path_factory.mktemp("mariadb"), ["--default-time-zone=+05:30"]) as server:
        rows = {entity.name: [row(entity, 3 * number) for number in range(ROWS)] for entity in ENTITIES}
        rows["pin"][0] |= {"title": STRANGE, "description": None, "downloaded": None}
        rows["geo"][0] |= {"timestamp": datetime.fromisoformat("2018-08-24 07:56:22.250000"), "latitude": -47.1159}
        engine = server.engine()
        fill(engine, rows)
        engine.dispose()
        yield server


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("certificates")
    write_certificates(folder, "localhost")
    return folder


@pytest.fixture(scope="module")
def tls_server(tmp_path_factory: pytest.TempPathFactory, certificates: Path) -> Iterator[Server]:
    """A server that takes no connection without TLS, with a certificate for localhost."""
    require_mariadb()
    options = (
        "--require-secure-transport=ON",
        f"--ssl-cert={certificates / 'server.crt'}",
        f"--ssl-key={certificates / 'server.key'}",
    )
    with mariadb(tmp_path_factory.mktemp("mariadb"), options) as server:
        engine = server.engine(ssl_ca=str(certificates / "ca.crt"), ssl_verify_cert=True)
        fill(engine, {})
        engine.dispose()
        yield server


def test_pages_give_each_row_once_in_key_order(server: Server) -> None:
    source = open_source(server.url(), server.settings)

    pages = list(source.pages(USER, None, 60))

    assert [len(page.records) for page in pages] == [60, 60, 60, 60, 10]
    assert [record.key for page in pages for record in page.records] == list(range(0, 3 * ROWS, 3))
    assert [page.last for page in source.pages(USER, pages[2].last, 60)] == [page.last for page in pages[3:]]
    assert source.count(USER) == ROWS


def test_a_page_is_found_by_the_key_s_index_and_not_by_reading_the_table(server: Server) -> None:
    with server.engine().connect() as connection:
        plan = connection.execute(
            sqlalchemy.text("EXPLAIN SELECT * FROM pinterest_data WHERE `index` > 600 ORDER BY `index` LIMIT 10")
        ).one()

    assert (plan.type, plan.key) == ("range", "PRIMARY")


def test_text_nulls_and_numbers_come_through(server: Server) -> None:
    record = next(open_source(server.url(), server.settings).pages(PIN, None, 1)).records[0]

    value = json.loads(record.value)
    assert (value["title"], value["description"], value["downloaded"]) == (STRANGE, None, None)
    assert list(value) == [column.name for column in PIN.source]


def test_moments_keep_their_fraction_and_have_none_where_there_is_none(server: Server) -> None:
    (page,) = open_source(server.url(), server.settings).pages(GEO, None, ROWS)

    first, second = (json.loads(record.value) for record in page.records[:2])
    assert (first["timestamp"], first["latitude"]) == ("2018-08-24 07:56:22.250000", -47.1159)
    assert second["timestamp"] == "2018-08-24 07:56:22"


@pytest.fixture(scope="module")
def typed(server: Server) -> str:
    """The URL of a database whose columns have other types than the declaration, and asks for another charset."""
    engine = server.engine()
    with engine.begin() as connection:
        for statement in filter(str.strip, _TYPED.split(";")):
            connection.execute(sqlalchemy.text(statement))
    engine.dispose()
    return f"{server.url(database='typed')}?charset=utf8"


def test_values_are_those_of_the_declared_kind_whatever_zone_charset_and_type_they_come_in(
    server: Server, typed: str
) -> None:
    source = open_source(typed, server.settings)

    pins, (geo,), (user,) = (
        [json.loads(record.value) for record in next(source.pages(entity, None, 9)).records] for entity in ENTITIES
    )
    assert [pins[0][name] for name in ("title", "description", "follower_count", "downloaded")] == ["😀", "é", "17", 1]
    assert [geo[name] for name in ("timestamp", "latitude", "longitude")] == [
        "2018-08-24 10:00:00.250000",
        47.115900000000003,
        -7.5,
    ]
    assert (user["age"], user["date_joined"]) == (49, "2015-12-31 00:00:00")
    for entity, value in ((PIN, pins[0]), (GEO, geo), (USER, user)):
        assert list(Draft4Validator(json_schema(entity)).iter_errors(value)) == []


def test_bytes_that_are_no_text_cost_their_row_and_a_key_beyond_63_bits_is_posted(
    server: Server, typed: str, tmp_path: Path
) -> None:
    source = open_source(typed, server.settings)
    with fake_api() as api:
        batch = post_batch(source, post_settings(api, tmp_path))
        stream = post_stream(source, stream_settings(api, tmp_path, count=3))

    assert [(tally.posted, tally.dead) for tally in batch] == [(2, 1), (1, 0), (1, 0)]
    assert [(tally.sent, tally.dead) for tally in stream] == [(2, 1), (1, 0), (1, 0)]
    assert set(api.keys(NAMES.topic(PIN))) == {1, 2**64 - 1}
    assert set(api.keys(NAMES.stream(PIN))) == {"1", str(2**64 - 1)}


def test_a_connection_that_is_killed_or_closed_is_replaced(server: Server) -> None:
    source = open_source(server.url(), server.settings)
    engine = server.engine()
    with engine.connect() as connection:
        pages = source.pages(USER, None, 60)
        read = len(next(pages).records)
        others = connection.execute(
            sqlalchemy.text("SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID()")
        )
        killed = 0
        for (other,) in others.all():
            # One that somebody else has just closed may be in the list and gone.
            with suppress(sqlalchemy.exc.OperationalError):
                connection.execute(sqlalchemy.text("KILL :other"), {"other": other})
                killed += 1
        read += sum(len(page.records) for page in pages)

    assert killed
    assert read == ROWS


def test_a_connection_that_was_idle_for_too_long_is_replaced(server: Server) -> None:
    engine = server.engine()
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SET GLOBAL wait_timeout = 1"))
        source = open_source(server.url(), server.settings)
        positions = [position for _, position in source.places(GEO)]
        time.sleep(2)
        rows = source.rows_at(GEO, positions[:2])
        connection.execute(sqlalchemy.text("SET GLOBAL wait_timeout = 28800"))

    assert [row[0].key for row in rows] == [0, 3]


def test_rows_are_found_by_their_places(server: Server) -> None:
    source = open_source(server.url(), server.settings)

    positions = [position for _, position in source.places(GEO)]

    assert positions == list(range(0, 3 * ROWS, 3))
    assert [rows[0].key if rows else None for rows in source.rows_at(GEO, [300, 0, 1])] == [300, 0, None]


def test_every_row_is_posted(server: Server, tmp_path: Path) -> None:
    with fake_api() as api:
        tallies = post_batch(open_source(server.url(), server.settings), post_settings(api, tmp_path))

    assert [(tally.rows, tally.posted) for tally in tallies] == [(ROWS, ROWS)] * 3
    assert set(api.keys(NAMES.topic(GEO))) == set(range(0, 3 * ROWS, 3))


def test_a_wrong_password_is_one_line_without_it(server: Server) -> None:
    wrong = server.settings | {"SOURCE_DATABASE_PASSWORD": "shown-nowhere"}

    with pytest.raises(SourceError, match="Access denied") as raised:
        open_source(server.url(), wrong)
    assert "\n" not in str(raised.value)
    assert "shown-nowhere" not in str(raised.value)


def test_a_database_that_is_not_there_is_named(server: Server) -> None:
    with pytest.raises(SourceError, match="elsewhere"):
        open_source(server.url().replace("/pinterest", "/elsewhere"), server.settings)


def test_a_server_that_requires_tls_is_reached_with_its_ca(tls_server: Server, certificates: Path) -> None:
    settings = tls_server.settings | {"SOURCE_DATABASE_CA": str(certificates / "ca.crt")}

    assert open_source(tls_server.url("localhost"), settings).count(PIN) == 0


def test_a_certificate_of_an_unknown_ca_is_refused(tls_server: Server) -> None:
    with pytest.raises(SourceError, match=r"certificate verify failed.*SOURCE_DATABASE_CA"):
        open_source(tls_server.url("localhost"), tls_server.settings | {"SOURCE_DATABASE_TLS": "on"})


def test_a_certificate_for_another_host_is_refused(tls_server: Server, certificates: Path) -> None:
    settings = tls_server.settings | {"SOURCE_DATABASE_CA": str(certificates / "ca.crt")}

    with pytest.raises(SourceError, match=r"certificate is not valid for '127\.0\.0\.1'"):
        open_source(tls_server.url("127.0.0.1"), settings)


def test_a_server_without_tls_gets_no_password_where_tls_is_wanted(server: Server) -> None:
    with pytest.raises(SourceError, match="SSL is required"):
        open_source(server.url(), server.settings | {"SOURCE_DATABASE_TLS": "on"})
