"""A source database with generated rows: all three tables, or nothing."""

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import sqlalchemy
from sqlalchemy import Connection, Engine, Table
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.errors import SettingsError, SourceError
from pinterest_pipeline.files import replacing
from pinterest_pipeline.post.source.connection import connect, database_url, one_line_errors, public_name
from pinterest_pipeline.post.source.opening import source_table
from tooling.demo.sample_data.generator import Row, generate

_Filling = Sequence[tuple[Table, Iterable[list[Row]]]]


def fill_source(
    location: str, rows: int, seed: int, *, replace: bool = False, settings: Mapping[str, str] = os.environ
) -> None:
    """Create the three source tables and fill them with generated rows.

    An SQLite file is filled under another name and replaces the old one when it is complete. On a server the tables are
    filled in one transaction, and dropped again where that fails.

    Args:
        location: Any SQLAlchemy URL; an SQLite file is created where there is none.
        rows: Rows of each table.
        seed: The same seed gives the same rows.
        replace: Drop existing tables of these names.
        settings: User, password, TLS and tunnel of a server.

    Raises:
        SettingsError: A number or the URL is invalid, or the tables exist and `replace` is not set.
        SourceError: The database cannot be reached or written.
    """
    filling = [(source_table(entity), generate(entity, rows, seed)) for entity in ENTITIES]
    if location.startswith("sqlite"):
        _fill_file(_sqlite_file(location), filling, replace=replace)
        return
    url = database_url(location, settings)
    engine = connect(url, settings)
    try:
        with one_line_errors(url):
            _check_free(engine, filling, replace=replace)
        with _write_errors(public_name(url)):
            _fill_server(engine, filling)
    finally:
        engine.dispose()


def _fill_file(path: Path, filling: _Filling, *, replace: bool) -> None:
    others = False
    if path.exists():
        with _engine(path) as engine, one_line_errors(engine.url):
            others = _check_free(engine, filling, replace=replace)
    with (
        _write_errors(str(path)),
        _put_in_place(path, copy=others) as draft,
        _engine(draft) as engine,
        engine.begin() as connection,
    ):
        # The draft is discarded on failure: it needs no journal and no sync to disk.
        connection.exec_driver_sql("PRAGMA journal_mode = OFF")
        connection.exec_driver_sql("PRAGMA synchronous = OFF")
        _fill(connection, filling)


def _fill_server(engine: Engine, filling: _Filling) -> None:
    try:
        with engine.begin() as connection:
            _fill(connection, filling)
    except BaseException:
        # Some servers commit a new table at once, so the transaction alone would leave it, empty.
        with engine.begin() as connection:
            _drop(connection, filling)
        raise


def _fill(connection: Connection, filling: _Filling) -> None:
    _drop(connection, filling)
    # All tables before any row: MySQL commits an open transaction when it creates a table.
    for table, _ in filling:
        table.create(connection)
    for table, chunks in filling:
        # The driver's own statement: its values need no conversion, which would take most of the time.
        insert = sqlalchemy.insert(table).compile(dialect=connection.dialect)
        for chunk in chunks:
            if insert.positional:
                connection.exec_driver_sql(str(insert), chunk)
            else:
                names = table.columns.keys()
                connection.exec_driver_sql(str(insert), [dict(zip(names, row, strict=True)) for row in chunk])


def _drop(connection: Connection, filling: _Filling) -> None:
    for table, _ in filling:
        table.drop(connection, checkfirst=True)


def _check_free(engine: Engine, filling: _Filling, *, replace: bool) -> bool:
    """Raise where one of the tables exists; return whether there are other tables."""
    there = sqlalchemy.inspect(engine).get_table_names()
    taken = [table.name for table, _ in filling if table.name in there]
    if taken and not replace:
        raise SettingsError(
            f"{public_name(engine.url)} already has {', '.join(taken)}; "
            "choose another database, or give --replace to drop them"
        )
    return len(there) > len(taken)


def _sqlite_file(location: str) -> Path:
    try:
        database = sqlalchemy.make_url(location).database
    except ArgumentError:
        database = None
    if not database or database == ":memory:":
        raise SettingsError(f"an SQLite database needs a file, such as sqlite:///path/to/file.db; got {location}")
    path = Path(database).resolve()
    if not path.parent.is_dir():
        raise SettingsError(f"there is no folder {path.parent}; create it first, or choose another")
    if path.is_dir():
        raise SettingsError(f"{path} is a folder; name a file in it")
    return path


@contextmanager
def _engine(path: Path) -> Iterator[Engine]:
    engine = sqlalchemy.create_engine(sqlalchemy.URL.create("sqlite", database=str(path)), hide_parameters=True)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def _put_in_place(path: Path, *, copy: bool) -> Iterator[Path]:
    """Yield an empty file, or a copy of the database; it replaces the database when the block has succeeded."""
    with replacing(path) as draft:
        draft.touch()
        if copy:
            with closing(sqlite3.connect(path)) as there, closing(sqlite3.connect(draft)) as here:
                there.backup(here)
        yield draft


@contextmanager
def _write_errors(name: str) -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        cause = getattr(error, "orig", None) or error
        # Drivers put a number before the words.
        reason = cause.strerror if isinstance(cause, OSError) else str(cause.args[-1])
        raise SourceError(f"cannot fill {name}: {reason}") from error
