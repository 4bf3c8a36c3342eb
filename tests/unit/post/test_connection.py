from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy

from pinterest_pipeline.entities import PIN
from pinterest_pipeline.errors import PipelineError, SettingsError, SourceError
from pinterest_pipeline.post.source.connection import connect, database_url, without_password
from pinterest_pipeline.post.source.opening import open_source, read_credentials
from tests.support.posting import folder_of, sqlite_url

SHOWN = "shown-nowhere"


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
        f"mysql://domain/user:{SHOWN}@127.0.0.1:1/database",
        f"mysql://user:Winter@{SHOWN}@127.0.0.1:1/database",
        f"mysql://user:{SHOWN}@{SHOWN}/77@127.0.0.1:1/database",
        f"mysql://user:a@{SHOWN}?b@127.0.0.1:1/database",
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


def test_user_password_and_url_come_from_the_settings(tmp_path: Path) -> None:
    environment = {"SOURCE_DATABASE_USER": "poster", "SOURCE_DATABASE_PASSWORD": SHOWN}

    url = database_url("mysql://host/database", environment)

    assert (url.drivername, url.username, url.password) == ("mysql+pymysql", "poster", SHOWN)
    assert database_url("mysql://other:own@host/database", environment).username == "other"
    assert open_source("", {"SOURCE_DATABASE_URL": sqlite_url(tmp_path, 1)}).count(PIN) == 1


@pytest.mark.parametrize(
    "location", [f"mysql://user:{SHOWN}@host/d", f"mysql://host/d?password={SHOWN}", f"sqlite:///a?passwd={SHOWN}"]
)
def test_a_command_line_with_a_password_is_refused_in_one_line(location: str) -> None:
    with pytest.raises(SettingsError, match="SOURCE_DATABASE_PASSWORD") as raised:
        without_password(location)

    assert "\n" not in str(raised.value)
    assert SHOWN not in str(raised.value)


@pytest.mark.parametrize("password", ["Winter@Garden77", "a@b@c", "Winter/@?:Garden"])
def test_a_password_with_signs_is_refused_as_it_is_and_taken_escaped(password: str) -> None:
    with pytest.raises(SettingsError, match="%40") as raised:
        database_url(f"mysql://user:{password}@host/d", {})

    assert not any(word in str(raised.value) for word in ("Winter", "Garden"))
    assert database_url(f"mysql://user:{quote(password, safe='')}@host/d", {}).password == password


@pytest.mark.parametrize("location", ["", "folder/p:a@b", "sqlite:///a.db", "mysql://user@host/d?ssl_key=key.pem"])
def test_a_command_line_without_a_password_is_left_as_it_is(location: str) -> None:
    assert without_password(location) == location


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

    tls = {"sslmode": "verify-full", "sslrootcert": "system"}
    assert made["connect_args"] == {"connect_timeout": 10, "client_encoding": "utf8", **tls}
    assert made["url"].query == {}


def engine_arguments(location: str, environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Return what the engine would be made with: the host is nowhere and the driver may not be installed."""
    made: dict[str, Any] = {}
    engine = sqlalchemy.create_engine("sqlite://")
    monkeypatch.setattr(sqlalchemy, "create_engine", lambda url, **arguments: made.update(arguments, url=url) or engine)
    connect(database_url(location, environment), environment)
    return made


def test_a_credentials_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "credentials.env"
    path.write_text(
        "\ufeff# the source\nexport SOURCE_DATABASE_USER=poster  # who reads\n\n"
        "SOURCE_DATABASE_PASSWORD='a=b#c\\d'\r\nPINTEREST_API_KEY = \"$x ${y}\" # and a comment\n"
    )
    path.chmod(0o600)

    assert read_credentials(path) == {
        "SOURCE_DATABASE_USER": "poster",
        "SOURCE_DATABASE_PASSWORD": "a=b#c\\d",
        "PINTEREST_API_KEY": "$x ${y}",
    }


@pytest.mark.parametrize(
    ("mode", "text", "message"),
    [
        (0o644, "A=b", "chmod 600"),
        (0o640, "A=b", "chmod 600"),
        (0o600, f"A=b\n{SHOWN}", "line 2"),
        (0o600, f"A='{SHOWN}", "line 1"),
    ],
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
