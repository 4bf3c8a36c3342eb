"""Connects to a source database: credentials from the environment, TLS unless it is local, one-line errors."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import sqlalchemy
from sqlalchemy import URL, Engine
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError, SQLAlchemyError

from pinterest_pipeline.errors import SettingsError, SourceError
from pinterest_pipeline.post.hosts import is_local
from pinterest_pipeline.post.source.tunnel import through_tunnel

if TYPE_CHECKING:
    import sqlite3

SETTING = "SOURCE_DATABASE_"
"""Prefix of the settings: URL, USER, PASSWORD, CA (a bundle's path), TLS (on or off) and TUNNEL (host:port)."""

_CONNECT_SECONDS = 10
# Plain mysql:// means a driver that must be compiled; this one is installed by the extra `post`.
_DEFAULT_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
_DRIVERS: dict[str, dict[str, object]] = {
    "pymysql": {"connect_timeout": _CONNECT_SECONDS, "charset": "utf8mb4"},
    "psycopg": {"connect_timeout": _CONNECT_SECONDS, "client_encoding": "utf8"},
    "psycopg2": {"connect_timeout": _CONNECT_SECONDS, "client_encoding": "utf8"},
}
_SESSION = {
    "mysql": ("SET NAMES utf8mb4", "SET time_zone = '+00:00'"),
    "mariadb": ("SET NAMES utf8mb4", "SET time_zone = '+00:00'"),
    "postgresql": ("SET TIME ZONE 'UTC'", "SET datestyle TO 'ISO'"),
}
_SECRET_WORDS = ("pass", "pwd", "key", "secret", "token")


def without_password(location: str) -> str:
    """Return a location from a command line, which every user of the machine can read.

    Raises:
        SettingsError: It is a URL with a password.
    """
    try:
        url = _url(location)
    except (ArgumentError, ValueError):  # a folder, or an invalid URL
        return location
    if url.password or any(word in name.lower() for name in url.query for word in ("passw", "pwd")):
        raise SettingsError(
            "every user of this machine can read a password on a command line; remove it from the URL and set "
            f"{SETTING}PASSWORD instead (posting also reads a credentials file, or the whole URL as {SETTING}URL)"
        )
    return location


def database_url(location: str, settings: Mapping[str, str]) -> URL:
    """Parse a database URL and add the user and password from the settings if it has none.

    Raises:
        SettingsError: It is not a URL, or its password is not escaped. The message does not repeat it.
    """
    try:
        url = _url(location)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            "the source is not a database URL such as mysql+pymysql://host:3306/database "
            f"(user and password come from {SETTING}USER and {SETTING}PASSWORD)"
        ) from error
    url = url.set(drivername=_DEFAULT_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite":
        return _existing_file(url)
    return url.set(
        username=url.username or settings.get(f"{SETTING}USER"),
        password=url.password or settings.get(f"{SETTING}PASSWORD"),
    )


def public_name(url: URL) -> str:
    """Return the URL without user, password and other secrets, for logs and progress."""
    secrets = [name for name in url.query if any(word in name.lower() for word in _SECRET_WORDS)]
    # URL.set ignores None, so the URL is rebuilt without user and password.
    place = URL.create(url.drivername, host=url.host, port=url.port, database=url.database, query=url.query)
    return place.difference_update_query(secrets).render_as_string()


def connect(url: URL, settings: Mapping[str, str]) -> Engine:
    """Create the engine that connects to the database, with verified TLS unless it is local.

    Its sessions use UTC and UTF-8, regardless of the URL and the server. A dead connection is replaced before use.

    Raises:
        SettingsError: The URL's driver is unknown or not installed, or it cannot verify TLS.
    """
    try:
        url, arguments = _secured(url, settings)
        engine = sqlalchemy.create_engine(url, connect_args=arguments, hide_parameters=True, pool_pre_ping=True)
    except (NoSuchModuleError, ModuleNotFoundError) as error:
        raise SettingsError(
            f"there is no driver for {url.drivername}: {error}; install it or name another, "
            "such as mysql+pymysql or postgresql+psycopg"
        ) from error
    sqlalchemy.event.listen(engine, "connect", partial(_set_up_session, url.get_backend_name()))
    return through_tunnel(engine, settings)


def _set_up_session(backend: str, connection: DBAPIConnection, _: object) -> None:
    """Set up the session, so that values do not depend on defaults of the user or the server."""
    if backend == "sqlite":
        # A text that is not UTF-8 rejects its row; otherwise SQLite would fail the query.
        cast("sqlite3.Connection", connection).text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    for statement in _SESSION.get(backend, ()):
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
    # PostgreSQL reverts settings when their transaction is rolled back.
    connection.commit()


@contextmanager
def one_line_errors(url: URL) -> Iterator[None]:
    """Turn the driver's errors into a SourceError of one line without the password."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause.args[-1] if cause.args else cause).split())
        if url.password:
            reason = reason.replace(url.password, "***")
        hint = ""
        if "SSL" in reason or "certificate" in reason:
            hint = f"; set the CA's file in {SETTING}CA, or set {SETTING}TLS=off on a network you trust"
        raise SourceError(f"cannot read {public_name(url)}: {reason}{hint}") from error


def _url(location: str) -> URL:
    """Parse a URL, and check that no part of its password is parsed as the host, which would be displayed.

    Raises:
        SettingsError: A character of the password is not escaped.
        ArgumentError, ValueError: It is not a URL.
    """
    url = sqlalchemy.make_url(location)
    after_password = location.partition("://")[2].partition(":")[2].partition("@")[2] if url.password else ""
    place = f"{url.host}{url.database}" if url.get_backend_name() != "sqlite" else ""
    if "@" in after_password + place:
        raise SettingsError(
            "the database URL has more than one @ after its user: write those of the password, and of what follows the "
            f"host, as %40 (and /, ?, #, : and % as %2F, %3F, %23, %3A and %25), or set {SETTING}PASSWORD instead"
        )
    return url


def _existing_file(url: URL) -> URL:
    """Return the URL with the file's full path, after checking that it exists: SQLite would create a missing file."""
    if not url.database or url.database == ":memory:":
        raise SettingsError("an SQLite source needs a file: sqlite:///path/to/file.db")
    path = Path(url.database)
    if not path.is_file():
        raise SourceError(f"there is no SQLite file {path}")
    return url.set(database=str(path.resolve()))


def _secured(url: URL, settings: Mapping[str, str]) -> tuple[URL, dict[str, object]]:
    """Return the URL without its TLS options, and the driver's arguments that replace them."""
    backend, driver = url.get_backend_name(), url.get_driver_name()
    if backend == "sqlite":
        return url, {}
    arguments = dict(_DRIVERS.get(driver, {}))
    if not _wants_tls(url, settings):
        return url, arguments
    authority = settings.get(f"{SETTING}CA")
    if authority and not Path(authority).is_file():
        raise SettingsError(f"{SETTING}CA must be a file of CA certificates; there is no {authority}")
    if driver == "pymysql":
        arguments |= {"ssl": _context(authority)}
    elif driver in {"psycopg", "psycopg2"}:
        arguments |= {"sslmode": "verify-full", "sslrootcert": authority or "system"}
    else:
        raise SettingsError(
            f"TLS cannot be set up here for {url.drivername}; use mysql+pymysql or postgresql+psycopg, "
            f"or set {SETTING}TLS=off on a network you trust"
        )
    return url.difference_update_query([name for name in url.query if name.startswith("ssl")]), arguments


def _context(authority: str | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except ssl.SSLError as error:
        raise SettingsError(f"{SETTING}CA must be a PEM file of CA certificates; {authority} is not") from error


def _wants_tls(url: URL, settings: Mapping[str, str]) -> bool:
    choice = settings.get(f"{SETTING}TLS", "").lower()
    if choice not in {"", "on", "off"}:
        raise SettingsError(f"{SETTING}TLS must be on or off; got {choice!r}")
    if choice:
        return choice == "on"
    # Drivers also read the host, or a file with it, from the URL's query.
    elsewhere = [url.query.get(name) for name in ("host", "hostaddr", "service", "read_default_file")]
    hosts = [url.host, *(str(host) for host in elsewhere if host)]
    return f"{SETTING}CA" in settings or not all(map(is_local, hosts))
