import json
from collections.abc import Iterator
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
from tests.support.fake_api import fake_api
from tests.support.postgres import Server, postgresql, require_postgresql
from tests.support.posting import NAMES, post_settings, stream_settings

# Names in another case, and in every column a type that the declaration does not have.
_TABLES = """
CREATE TABLE "Pinterest_Data" (
  "INDEX" BIGINT PRIMARY KEY, unique_id UUID, "Title" TEXT, description BYTEA, follower_count INT, tag_list TEXT,
  is_image_or_video VARCHAR(64), image_src TEXT, downloaded BOOLEAN, save_location TEXT, category TEXT);
CREATE TABLE geolocation_data (
  ind INT, timestamp TIMESTAMPTZ, latitude NUMERIC(20, 15), longitude DOUBLE PRECISION, country TEXT);
CREATE TABLE user_data (ind SMALLINT, first_name TEXT, last_name CHAR(2), age BIT(8), date_joined DATE);
INSERT INTO "Pinterest_Data" ("INDEX", unique_id, "Title", description, follower_count, downloaded) VALUES
  (1, '00000000-0000-0000-0000-000000000001', '😀', '\\xc3a9', 17, TRUE), (2, NULL, 'a', '\\xfe', NULL, FALSE),
  (9223372036854775807, NULL, 'b', NULL, NULL, NULL);
INSERT INTO geolocation_data VALUES
  (1, '2018-08-24 10:00:00.25+00', 47.115900000000003, '-7.5', 'x'), (2, 'infinity', 'NaN', 'Infinity', 'x'),
  (3, '0044-03-15 12:00:00+00 BC', 0.1, 1e300, 'x'), (4, '2018-08-24 15:30:00', 1, 1, 'x');
INSERT INTO user_data VALUES (1, 'a', 'b', 49::BIT(8), '2015-12-31')
"""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    require_postgresql()
    with postgresql() as server:
        engine = server.engine()
        with engine.connect() as connection:
            for statement in _TABLES.split(";"):
                connection.exec_driver_sql(statement)
        engine.dispose()
        yield server


def test_values_are_those_of_the_declared_kind_whatever_zone_type_and_case_they_come_in(server: Server) -> None:
    source = open_source(server.url(), server.settings)

    pins, geos, (user,) = (
        [json.loads(record.value) for record in next(source.pages(entity, None, 9)).records] for entity in ENTITIES
    )
    assert [pins[0][name] for name in ("index", "title", "description", "follower_count", "downloaded")] == [
        1, "😀", "é", "17", 1
    ]  # fmt: skip
    assert [(geo["timestamp"], geo["latitude"], geo["longitude"]) for geo in geos] == [
        ("2018-08-24 10:00:00.25", 47.115900000000003, -7.5),
        ("infinity", "NaN", "inf"),
        ("0044-03-15 12:00:00 BC", 0.1, 1e300),
        ("2018-08-24 10:00:00", 1, 1),
    ]
    assert (user["age"], user["date_joined"]) == (49, "2015-12-31 00:00:00")
    for entity, value in ((PIN, pins[0]), (GEO, geos[0]), (USER, user)):
        assert list(Draft4Validator(json_schema(entity)).iter_errors(value)) == []


def test_every_row_is_posted_or_a_dead_letter_both_ways(server: Server, tmp_path: Path) -> None:
    source = open_source(server.url(), server.settings)
    with fake_api() as api:
        batch = post_batch(source, post_settings(api, tmp_path))
        stream = post_stream(source, stream_settings(api, tmp_path, count=5))

    assert [(tally.rows, tally.posted, tally.dead) for tally in batch] == [(3, 2, 1), (4, 4, 0), (1, 1, 0)]
    assert [(tally.sent, tally.dead) for tally in stream] == [(2, 1), (4, 0), (1, 0)]
    assert set(api.keys(NAMES.topic(PIN))) == {1, 2**63 - 1}


def test_a_connection_that_the_server_ends_is_replaced(server: Server) -> None:
    source = open_source(server.url(), server.settings)
    pages = source.pages(GEO, None, 1)
    read = len(next(pages).records)
    engine = server.engine()
    with engine.connect() as connection:
        connection.execute(
            sqlalchemy.text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
        )
    engine.dispose()

    assert read + sum(len(page.records) for page in pages) == 4


def test_tls_is_verified_where_it_is_asked_for_whatever_the_url_says(server: Server) -> None:
    trusting = server.settings | {"SOURCE_DATABASE_CA": str(server.authority)}

    assert open_source(f"{server.url('localhost')}?sslmode=disable", trusting).count(PIN) == 3
    with pytest.raises(SourceError, match=r"certificate .*127\.0\.0\.1"):
        open_source(server.url(), trusting)
    with pytest.raises(SourceError, match=r"certificate verify failed.*SOURCE_DATABASE_CA"):
        open_source(server.url("localhost"), server.settings | {"SOURCE_DATABASE_TLS": "on"})


def test_what_the_server_refuses_is_one_line_without_the_password(server: Server) -> None:
    wrong = server.settings | {"SOURCE_DATABASE_PASSWORD": "shown-nowhere"}

    for url, message in ((server.url(), "password authentication failed"), (server.url(database="other"), "password")):
        with pytest.raises(SourceError, match=message) as raised:
            open_source(url, wrong)
        assert "\n" not in str(raised.value)
        assert "shown-nowhere" not in str(raised.value)
