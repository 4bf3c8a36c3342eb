"""A database as a source: the three tables, read in pages ordered by key."""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Self

import sqlalchemy
from sqlalchemy import Column, ColumnElement, Engine, Executable, Inspector, MetaData, Select, Table, TableClause
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import DBAPIError, InterfaceError, NoSuchTableError, OperationalError
from sqlalchemy.types import BigInteger, Date, DateTime, Double, Integer, String, Text, TypeEngine
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, wait_random_exponential

from pinterest_pipeline.entities import ENTITIES, Entity, Kind, SourceColumn
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.records import Page, Place, Record, json_text, undecoded_flaw, whole_number
from pinterest_pipeline.post.source.values import value_of_kind

_KEYS_PER_PAGE = 10_000
_ATTEMPTS = 7
_WAIT = wait_random_exponential(0.25, 5)

_log = logging.getLogger(__name__)


def source_table(entity: Entity) -> Table:
    """Return the entity's source table from its declaration, for any database.

    The key is the primary key. MySQL and MariaDB get utf8mb4, so that every text fits, and fractional seconds.
    """
    columns = (
        Column(
            column.name,
            _type(column.kind, column.length),
            primary_key=column.name == entity.key,
            autoincrement=False,
            quote=True,
        )
        for column in entity.source
    )
    return Table(entity.source_table, MetaData(), *columns, mysql_charset="utf8mb4", mariadb_charset="utf8mb4")


class DatabaseSource:
    """Rows of the three source tables; a position is a key, from which reading resumes.

    Attributes:
        name: The name in the progress file: the database's URL without user or password.
        repeats_keys: False: rows with the same key are on one page.
    """

    repeats_keys = False

    def __init__(self, engine: Engine, name: str, errors: Callable[[], AbstractContextManager[None]]) -> None:
        """Connect and check that every table exists with the declared columns.

        Args:
            engine: Connects to the database.
            name: The name in the progress file.
            errors: A context manager that turns the driver's errors into one line without the password.

        Raises:
            SourceError: The database cannot be reached, or a table, a column or an integer key is missing.
        """
        self.name = name
        self._engine = engine
        self._errors = errors
        with errors():
            self._tables = _retrying(_is_locked)(self._inspect)

    def count(self, entity: Entity) -> int:
        """Return how many rows the entity's table has.

        Raises:
            SourceError: The table cannot be read, or has rows without a key, which would be skipped.
        """
        found = self._tables[entity.name]
        counts = sqlalchemy.select(sqlalchemy.func.count(), sqlalchemy.func.count(found.key)).select_from(found.table)
        ((rows, keys),) = self._fetch(counts)
        if keys < rows:
            raise SourceError(
                f"{rows - keys} rows of {entity.source_table} have no {entity.key}; rows are read by key: give each one"
            )
        return int(rows)

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        """Yield the entity's rows with keys above `after`, about `size` rows per page; None is the beginning.

        Rows with the same key stay on one page, so that none is skipped at the end of a page.

        Raises:
            SourceError: The table cannot be read, or a key is not an integer.
        """
        key = after and after.position
        while rows := self._rows(entity, key, size):
            records = self._records(entity, rows)
            key = records[-1].position
            yield Page(records, Place(key))

    def places(self, entity: Entity) -> Iterator[tuple[int | None, int]]:
        """Yield every key of the entity's table once, in order; a key is also a position.

        Raises:
            SourceError: The table cannot be read, or has rows without a key, which would be skipped.
        """
        self.count(entity)
        key = self._tables[entity.name].key
        keys = sqlalchemy.select(key).select_from(self._tables[entity.name].table).distinct().order_by(key)
        rows = self._fetch(keys.limit(_KEYS_PER_PAGE))
        while rows:
            last = None
            for (value,) in rows:
                last = _integer_key(entity, value)
                yield last, last
            rows = self._fetch(keys.where(key > last).limit(_KEYS_PER_PAGE))

    def left(self) -> tuple[str, ...]:
        """Return notes on rows left for a later run: none."""
        return ()

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        """Read the rows with each of these keys, by one query.

        Raises:
            SourceError: The table cannot be read.
        """
        found: dict[int, list[Record]] = {position: [] for position in positions}
        rows = self._fetch(self._everything(entity).where(self._tables[entity.name].key.in_(found)))
        for record in self._records(entity, rows):
            found[record.position].append(record)
        return [tuple(found[position]) for position in positions]

    def _everything(self, entity: Entity) -> Select[Any]:
        found = self._tables[entity.name]
        return sqlalchemy.select(*found.columns.values()).select_from(found.table)

    def _rows(self, entity: Entity, after: int | None, size: int) -> Sequence[Sequence[object]]:
        key = self._tables[entity.name].key
        at = list(self._tables[entity.name].columns).index(entity.key)
        everything = self._everything(entity)
        above = everything if after is None else everything.where(key > after)
        rows = self._fetch(above.order_by(key).limit(size + 1))
        if len(rows) <= size:
            return rows
        # A key may have several rows: if they do not all fit, they go on the next page.
        whole = [row for row in rows if row[at] != rows[-1][at]]
        return whole or self._fetch(everything.where(key == rows[-1][at]))

    def _inspect(self) -> dict[str, "_Table"]:
        with self._engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            return {entity.name: _Table.find(inspector, entity) for entity in ENTITIES}

    def _fetch(self, select: Executable) -> Sequence[Sequence[Any]]:
        # All queries read by key or count, so they can be repeated.
        with self._errors():
            return _retrying(_is_transient)(self._fetch_once, select)

    def _fetch_once(self, select: Executable) -> Sequence[Sequence[Any]]:
        with self._engine.connect() as connection:
            return connection.execute(select).all()

    def _records(self, entity: Entity, rows: Sequence[Sequence[object]]) -> tuple[Record, ...]:
        columns = [column for column in entity.source if column.name in self._tables[entity.name].columns]
        return tuple(_record(entity, columns, row) for row in rows)


def _retrying(retriable: Callable[[BaseException], bool]) -> Retrying:
    return Retrying(
        retry=retry_if_exception(retriable),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_WAIT,
        before_sleep=_log_retry,
        reraise=True,
    )


def _is_transient(error: BaseException) -> bool:
    """Return whether the server or the connection failed, and not the statement."""
    return isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, OperationalError) and "locked" in str(error.orig)


def _log_retry(state: RetryCallState) -> None:
    error = state.outcome and state.outcome.exception()
    reason = error.orig if isinstance(error, DBAPIError) else error
    _log.warning("the source failed (%s); retrying in %.1f s", reason, state.upcoming_sleep)


def _record(entity: Entity, columns: Sequence[SourceColumn], row: Sequence[object]) -> Record:
    value = {column.name: value_of_kind(found, column.kind) for column, found in zip(columns, row, strict=True)}
    key = _integer_key(entity, value[entity.key])
    flaws = (
        f"{name}: {flaw}" for name, text in value.items() if isinstance(text, str) and (flaw := undecoded_flaw(text))
    )
    return Record(key, json_text(value), key, "; ".join(flaws))


def _integer_key(entity: Entity, value: object) -> int:
    key = whole_number(value)
    if key is None:
        raise SourceError(f"{entity.source_table}.{entity.key} must have integers; found {value!r:.80}")
    return key


def _type(kind: Kind, length: int) -> TypeEngine[Any]:
    match kind:
        case Kind.INTEGER | Kind.FLAG:
            return Integer()
        case Kind.REAL:
            return Double()
        case Kind.TIMESTAMP:
            return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
        case Kind.TEXT | Kind.COUNT:
            return String(length)


@dataclass(frozen=True)
class _Table:
    """An entity's table in the database, where names may differ in case.

    Attributes:
        table: Its name.
        key: The key's column.
        columns: The existing declared columns, as they are read, by their declared names.
    """

    table: TableClause
    key: ColumnElement[int]
    columns: Mapping[str, ColumnElement[Any]]

    @classmethod
    def find(cls, inspector: Inspector, entity: Entity) -> Self:
        """Find the table; optional columns may be missing."""
        table = _in_any_case(entity.source_table, [*inspector.get_table_names(), *inspector.get_view_names()])
        try:
            found = {column["name"]: column["type"] for column in inspector.get_columns(table)}
        except NoSuchTableError as error:
            raise SourceError(f"the source has no table {entity.source_table}") from error
        names = {column.name: _in_any_case(column.name, found) for column in entity.source}
        missing = [column.name for column in entity.source if column.required and names[column.name] not in found]
        if missing:
            raise SourceError(f"table {entity.source_table} lacks {', '.join(missing)}")
        key = names[entity.key]
        if not isinstance(found[key], Integer):
            raise SourceError(
                f"column {entity.key} of {entity.source_table} must be an integer column, since rows are read in its "
                f"order; it is {found[key]}"
            )
        columns = {
            declared: _as_read(name, found[name], inspector.dialect.name)
            for declared, name in names.items()
            if name in found
        }
        return cls(sqlalchemy.table(table), sqlalchemy.column(key, BigInteger), columns)


def _in_any_case(wanted: str, names: Iterable[str]) -> str:
    """Return the name that equals the wanted one but for its case; the wanted one if it exists or none matches."""
    same = {name for name in names if name.lower() == wanted.lower()}
    return wanted if wanted in same or not same else min(same)


def _as_read(name: str, kind: TypeEngine[Any], dialect: str) -> ColumnElement[Any]:
    """Return the column cast to a number or text if the driver would lose or fail on its values."""
    # Untyped: the driver's values are passed through, including those that the column's type would refuse.
    column: ColumnElement[Any] = sqlalchemy.column(name)
    match kind:
        case mysql.BIT():  # the driver returns bytes
            return column.op("+")(sqlalchemy.literal_column("0"))
        case postgresql.BIT(varying=False):  # the driver returns a text of binary digits
            return sqlalchemy.cast(column, BigInteger)
        case Date() | DateTime() if dialect == "postgresql":  # the driver fails on infinity and on years before 1
            utc = sqlalchemy.func.timezone("UTC", column) if getattr(kind, "timezone", False) else column
            return sqlalchemy.cast(sqlalchemy.cast(utc, DateTime), Text)
        case _:
            return column
