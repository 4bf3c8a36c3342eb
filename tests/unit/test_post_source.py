import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy.dialects import mysql
from sqlalchemy.schema import CreateTable

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER, Entity
from pinterest_pipeline.errors import PipelineError, SettingsError, SourceError
from pinterest_pipeline.post.connection import connect, database_url
from pinterest_pipeline.post.payloads import body
from pinterest_pipeline.post.records import Record, json_text
from pinterest_pipeline.post.source import Source, open_source, read_credentials, source_table
from tests.unit.posting import fill, folder_of, json_rows, row, sqlite_url

SHOWN = "shown-nowhere"


def read(source: Source, entity: Entity, after: int | None = None, size: int = 500) -> list[Record]:
    return [record for page in source.pages(entity, after, size) for record in page.records]


def database(folder: Path, **rows: list[dict[str, Any]]) -> str:
    url = f"sqlite:///{folder / 'source.db'}"
    fill(sqlalchemy.create_engine(url), rows)
    return url


def execute(url: str, *statements: str) -> None:
    with sqlalchemy.create_engine(url).begin() as connection:
        for statement in statements:
            connection.execute(sqlalchemy.text(statement))


# A database's pages


@pytest.mark.parametrize("size", [1, 3, 7, 500])
def test_pages_of_any_size_give_each_row_once_in_key_order(tmp_path: Path, size: int) -> None:
    source = open_source(sqlite_url(tmp_path, 20), {})

    assert [record.key for record in read(source, PIN, size=size)] == list(range(0, 40, 2))
    assert source.count(PIN) == 20


def test_reading_goes_on_after_any_page(tmp_path: Path) -> None:
    source = open_source(sqlite_url(tmp_path, 20), {})

    first = next(source.pages(GEO, None, 7))

    assert first.last == 12
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
    execute(url, "UPDATE geolocation_data SET timestamp = 'yesterday', latitude = 'north', country = x'fe41'")

    (value,) = (json.loads(record.value) for record in read(open_source(url, {}), GEO))

    assert (value["timestamp"], value["latitude"], value["country"]) == ("yesterday", "north", "\\xfeA")


def test_a_column_that_rows_may_lack_may_be_missing(tmp_path: Path) -> None:
    url = database(tmp_path, pin=[row(PIN, 1)])
    execute(url, "ALTER TABLE pinterest_data DROP COLUMN poster_name")

    (record,) = read(open_source(url, {}), PIN)

    assert "poster_name" not in json.loads(record.value)


# What a source database may lack


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

    with pytest.raises(SourceError, match="whole-number column"):
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


@pytest.mark.parametrize(
    "location",
    [
        "",
        "no-such-folder",
        "sqlite:///no-such-file.db",
        "sqlite://",
        f"mysql://user:{SHOWN}@127.0.0.1:1/database",
        f"mysql://user:{SHOWN}@nowhere.invalid/database",
        f"mysql://user:{SHOWN}@host:port/database",
        f"nonsense://user:{SHOWN}@host/database",
        f"oracle+oracledb://user:{SHOWN}@host/database",
        f"mssql+pyodbc://user:{SHOWN}@127.0.0.1/database",
        f"mysql+mysqldb://user:{SHOWN}@127.0.0.1/database",
    ],
)
def test_a_source_that_cannot_be_used_is_one_line_without_the_password(location: str) -> None:
    with pytest.raises(PipelineError) as raised:
        open_source(location, {})

    assert "\n" not in str(raised.value)
    assert SHOWN not in str(raised.value)


def test_a_missing_sqlite_file_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no SQLite file"):
        open_source(f"sqlite:///{tmp_path / 'typo.db'}", {})
    assert list(tmp_path.iterdir()) == []


# Credentials and TLS


def test_user_password_and_url_come_from_the_settings(tmp_path: Path) -> None:
    environment = {"SOURCE_DATABASE_USER": "poster", "SOURCE_DATABASE_PASSWORD": SHOWN}

    url = database_url("mysql://host/database", environment)

    assert (url.drivername, url.username, url.password) == ("mysql+pymysql", "poster", SHOWN)
    assert database_url("mysql://other:own@host/database", environment).username == "other"
    assert open_source("", {"SOURCE_DATABASE_URL": sqlite_url(tmp_path, 1)}).count(PIN) == 1


def test_the_source_s_name_holds_no_secret(tmp_path: Path) -> None:
    folder = folder_of(tmp_path)

    assert open_source(str(folder)).name == str(folder)
    with pytest.raises(SourceError) as raised:
        open_source(f"mysql://user:{SHOWN}@127.0.0.1:1/database?ssl_key_password={SHOWN}", {})
    assert "mysql+pymysql://127.0.0.1:1/database:" in str(raised.value)


@pytest.mark.parametrize(
    "location",
    [
        "mysql://db.example.com/d",
        "mariadb+pymysql://db.example.com/d?ssl_disabled=true&ssl_verify_cert=false",
        "mysql:///d?host=db.example.com",
        "mysql+pymysql://10.0.0.7/d",
    ],
)
def test_tls_with_certificate_and_host_name_checked_is_on_for_other_hosts(
    location: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = engine_arguments(location, {}, monkeypatch)

    context = made["connect_args"]["ssl"]
    assert (context.check_hostname, context.verify_mode.name) == (True, "CERT_REQUIRED")
    assert not any(name.startswith("ssl") for name in made["url"].query)


@pytest.mark.parametrize("location", ["mysql://localhost/d", "mysql://127.0.0.1/d", "mysql://[::1]/d", "mysql:///d"])
def test_tls_is_off_on_this_machine(location: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "ssl" not in engine_arguments(location, {}, monkeypatch)["connect_args"]


def test_tls_is_off_elsewhere_only_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    off = engine_arguments("mysql://db.example.com/d", {"SOURCE_DATABASE_TLS": "off"}, monkeypatch)

    assert "ssl" not in off["connect_args"]
    with pytest.raises(SettingsError, match="on or off"):
        engine_arguments("mysql://db.example.com/d", {"SOURCE_DATABASE_TLS": "maybe"}, monkeypatch)


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_ca_file_that_is_none_is_named(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.crt"
    if content:
        path.write_text(content)

    with pytest.raises(SettingsError, match="SOURCE_DATABASE_CA"):
        open_source("mysql://db.example.com/d", {"SOURCE_DATABASE_CA": str(path)})


def test_postgresql_verifies_certificate_and_host_name_too(monkeypatch: pytest.MonkeyPatch) -> None:
    made = engine_arguments("postgresql+psycopg://db.example.com/d?sslmode=disable", {}, monkeypatch)

    assert made["connect_args"] == {"connect_timeout": 10, "sslmode": "verify-full", "sslrootcert": "system"}
    assert made["url"].query == {}


def engine_arguments(location: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the engine would be made with: the host is nowhere and the driver may not be installed."""
    made: dict[str, Any] = {}
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda url, **arguments: made.update(arguments, url=url))
    connect(database_url(location, environment), environment)
    return made


def test_a_credentials_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials.env"
    path.write_text("# the source\nSOURCE_DATABASE_USER=poster\n\nSOURCE_DATABASE_PASSWORD='a=b'\n")
    path.chmod(0o600)

    assert read_credentials(path) == {"SOURCE_DATABASE_USER": "poster", "SOURCE_DATABASE_PASSWORD": "a=b"}


@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [(0o644, "A=b", "chmod 600"), (0o640, "A=b", "chmod 600"), (0o600, f"A=b\n{SHOWN}", "line 2")],
)
def test_a_credentials_file_that_others_read_or_that_is_none_is_refused(
    tmp_path: Path, mode: int, text: str, message: str
) -> None:
    path = tmp_path / "credentials.env"
    path.write_text(text)
    path.chmod(mode)

    with pytest.raises(SettingsError, match=message) as raised:
        read_credentials(path)
    assert SHOWN not in str(raised.value)


# A folder's pages


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


@pytest.mark.parametrize("key", ['"33"', "33.5", "null", "true", "[1]"])
def test_a_key_that_is_no_whole_number_is_none(tmp_path: Path, key: str) -> None:
    (record,) = read(open_source(str(folder_of(tmp_path, geo=[f'{{"ind":{key},"more":1}}']))), GEO)

    assert record.key is None
    assert json.loads(record.value) == {"ind": json.loads(key), "more": 1}


def test_a_file_that_became_shorter_is_noticed(tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, geo=json_rows(GEO, 3))))
    last = [page.last for page in source.pages(GEO, None, 10)][-1]
    folder_of(tmp_path)

    with pytest.raises(SourceError, match="shorter"):
        read(source, GEO, last)


def test_a_folder_without_its_files_says_which(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"missing: pin\.jsonl, geo\.jsonl, user\.jsonl"):
        open_source(str(tmp_path))


# Values as JSON

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_json_can_say_survives(value: object) -> None:
    text = json_text(value)

    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, None),
        ([math.inf, {"a": -math.inf}, 1.5], [None, {"a": None}, 1.5]),
        (Decimal("40.5"), 40.5),
        (Decimal(40), 40),
        (Decimal("NaN"), None),
        (date.fromisoformat("2018-08-24"), "2018-08-24 00:00:00"),
        (datetime.fromisoformat("2018-08-24T07:56:22"), "2018-08-24 07:56:22"),
        (datetime.fromisoformat("2018-08-24T09:56:22.5+02:00"), "2018-08-24 07:56:22.500000"),
        (datetime(2018, 8, 24, tzinfo=UTC), "2018-08-24 00:00:00"),
        ("é".encode(), "é"),
        (b"\xff", "\\xff"),
        (memoryview(b"abc"), "abc"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (2**70, 2**70),
    ],
)
def test_what_json_cannot_say_becomes_the_nearest_it_can(value: object, expected: object) -> None:
    assert json.loads(json_text({"a": value})) == {"a": expected}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # a database stores no half of a surrogate pair
PIN_TEXTS = st.fixed_dictionaries({column.name: TEXT for column in PIN.source if column.length})


@settings(max_examples=30, deadline=None)
@given(texts=PIN_TEXTS)
def test_any_text_in_any_column_survives_from_the_database_to_the_request(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]
) -> None:
    url = database(tmp_path_factory.mktemp("texts"), pin=[row(PIN, 1, **texts)])

    (page,) = open_source(url, {}).pages(PIN, None, 10)
    (record,) = json.loads(body(page.records))["records"]

    assert {name: record["value"][name] for name in texts} == texts


@given(st.text())
def test_any_text_at_all_survives_in_a_request(text: str) -> None:
    (record,) = json.loads(body([Record(1, json_text({"title": text}), 1)]))["records"]

    assert record["value"]["title"] == text


@pytest.mark.parametrize("entity", ENTITIES, ids=lambda entity: entity.name)
def test_mysql_tables_take_every_text_and_fractions_of_seconds(entity: Entity) -> None:
    ddl = str(CreateTable(source_table(entity)).compile(dialect=mysql.dialect()))

    assert "CHARSET=utf8mb4" in ddl
    assert f"PRIMARY KEY (`{entity.key}`)" in ddl
    assert "AUTO_INCREMENT" not in ddl
