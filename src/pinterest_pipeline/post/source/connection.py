"""How to reach a source database: credentials from outside, TLS unless it is this machine, one-line errors."""

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
"""Settings begin with this: URL, USER, PASSWORD, CA (a bundle's path), TLS (on or off) and TUNNEL (host:port)."""

_CONNECT_SECONDS = 10
# A plain mysql:// asks for a driver that must be compiled; this one is what the `post` extra installs.
_USUAL_DRIVERS = {"mysql": "mysql+pymysql", "mariadb": "mariadb+pymysql"}
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
    """Return a location from a command line, where everybody on the machine can read it.

    Raises:
        SettingsError: It is a URL with a password.
    """
    try:
        url = _url(location)
    except (ArgumentError, ValueError):  # a folder, or an URL that nothing can be made of
        return location
    if url.password or any(word in name.lower() for name in url.query for word in ("passw", "pwd")):
        raise SettingsError(
            "everybody on this machine can read a password in a command line; take it out of the URL and set "
            f"{SETTING}PASSWORD instead (posting also reads a credentials file, or the whole URL as {SETTING}URL)"
        )
    return location


def database_url(location: str, settings: Mapping[str, str]) -> URL:
    """Read a database URL and add the user and password from the settings where it has none.

    Raises:
        SettingsError: It is not a URL, or has a password that is not escaped. The message does not repeat it.
    """
    try:
        url = _url(location)
    except (ArgumentError, ValueError) as error:
        raise SettingsError(
            "the source is not a database URL such as mysql+pymysql://host:3306/database "
            f"(user and password come from {SETTING}USER and {SETTING}PASSWORD)"
        ) from error
    url = url.set(drivername=_USUAL_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite":
        return _existing_file(url)
    return url.set(
        username=url.username or settings.get(f"{SETTING}USER"),
        password=url.password or settings.get(f"{SETTING}PASSWORD"),
    )


def public_name(url: URL) -> str:
    """Return the URL without user, password and any other secret: what logs and progress may hold."""
    secrets = [name for name in url.query if any(word in name.lower() for word in _SECRET_WORDS)]
    # URL.set leaves what is None as it is, so the user and the password are left out by building anew.
    place = URL.create(url.drivername, host=url.host, port=url.port, database=url.database, query=url.query)
    return place.difference_update_query(secrets).render_as_string()


def connect(url: URL, settings: Mapping[str, str]) -> Engine:
    """Make the engine that connects to the database, with TLS verified unless it is on this machine.

    Its sessions are in UTC and UTF-8 whatever the URL and the server say. A connection that has died is replaced
    before it is used.

    Raises:
        SettingsError: The URL's driver is unknown or not installed, or it cannot be told to verify TLS.
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
    """Make the session, and not the person's or the server's defaults, decide what a value is."""
    if backend == "sqlite":
        # A text that is no UTF-8 costs its row; SQLite would give up the query.
        cast("sqlite3.Connection", connection).text_factory = partial(str, encoding="utf-8", errors="surrogateescape")
    for statement in _SESSION.get(backend, ()):
        with closing(connection.cursor()) as cursor:
            cursor.execute(statement)
    # PostgreSQL takes back with a transaction what was set in it.
    connection.commit()


@contextmanager
def one_line_errors(url: URL) -> Iterator[None]:
    """Turn what the driver raises into a SourceError of one line without the password."""
    try:
        yield
    except SQLAlchemyError as error:
        cause = getattr(error, "orig", None) or error
        reason = " ".join(str(cause.args[-1] if cause.args else cause).split())
        if url.password:
            reason = reason.replace(url.password, "***")
        hint = ""
        if "SSL" in reason or "certificate" in reason:
            hint = f"; name the CA's file in {SETTING}CA, or set {SETTING}TLS=off on a network you trust"
        raise SourceError(f"cannot read {public_name(url)}: {reason}{hint}") from error


def _url(location: str) -> URL:
    """Read a URL whose password cannot be mistaken for a host, which would be shown.

    Raises:
        SettingsError: A sign of the password is not escaped.
        ArgumentError, ValueError: It is no URL.
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
    """SQLite makes a file that is not there, so look first; its full path names it from any folder."""
    if not url.database or url.database == ":memory:":
        raise SettingsError("an SQLite source needs a file: sqlite:///path/to/file.db")
    path = Path(url.database)
    if not path.is_file():
        raise SourceError(f"there is no SQLite file {path}")
    return url.set(database=str(path.resolve()))


def _secured(url: URL, settings: Mapping[str, str]) -> tuple[URL, dict[str, object]]:
    """Return the URL without TLS options of its own, and the driver's arguments that stand in for them."""
    backend, driver = url.get_backend_name(), url.get_driver_name()
    if backend == "sqlite":
        return url, {}
    arguments = dict(_DRIVERS.get(driver, {}))
    if not _wants_tls(url, settings):
        return url, arguments
    authority = settings.get(f"{SETTING}CA")
    if authority and not Path(authority).is_file():
        raise SettingsError(f"{SETTING}CA must name a file of CA certificates; there is no {authority}")
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
        raise SettingsError(f"{SETTING}CA must name a PEM file of CA certificates; {authority} is none") from error


def _wants_tls(url: URL, settings: Mapping[str, str]) -> bool:
    choice = settings.get(f"{SETTING}TLS", "").lower()
    if choice not in {"", "on", "off"}:
        raise SettingsError(f"{SETTING}TLS must be on or off; got {choice!r}")
    if choice:
        return choice == "on"
    # Drivers also take the host, or a file that names it, from the URL's query.
    elsewhere = [url.query.get(name) for name in ("host", "hostaddr", "service", "read_default_file")]
    hosts = [url.host, *(str(host) for host in elsewhere if host)]
    return f"{SETTING}CA" in settings or not all(map(is_local, hosts))
