"""A database as a source: the three tables, read page by page in the order of their keys."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any

import sqlalchemy
from sqlalchemy import Column, ColumnElement, Engine, Inspector, MetaData, Select, Table
from sqlalchemy.dialects import mysql
from sqlalchemy.exc import NoSuchTableError
from sqlalchemy.types import DateTime, Double, Integer, String, TypeEngine

from pinterest_pipeline.entities import ENTITIES, Entity, Kind
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.records import Page, Place, Record, json_text, whole_number

# SQLAlchemy writes every moment into SQLite with six digits of fraction; none of them means none.
_NO_FRACTION = ".000000"
_KEYS_AT_ONCE = 10_000


def source_table(entity: Entity) -> Table:
    """Build the entity's source table from its declaration, for any database.

    The key is the primary key. MySQL and MariaDB get utf8mb4, so that every text fits, and fractions of seconds.
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
    """Rows from the three source tables; a position is a key, so reading goes on where it stopped.

    Attributes:
        name: What progress is kept under: the database's URL without user or password.
        repeats_keys: False: rows that share a key are on one page.
    """

    repeats_keys = False

    def __init__(self, engine: Engine, name: str, errors: Callable[[], AbstractContextManager[None]]) -> None:
        """Connect and check that every table is there with what the declaration requires.

        Args:
            engine: Connects to the database.
            name: What progress is kept under.
            errors: A context in which the driver's errors become one line each, without the password.

        Raises:
            SourceError: The database cannot be reached, or a table, a column or a whole-number key is missing.
        """
        self.name = name
        self._engine = engine
        self._errors = errors
        with errors(), engine.connect() as connection:
            inspector = sqlalchemy.inspect(connection)
            self._columns = {entity.name: _columns(inspector, entity) for entity in ENTITIES}

    def count(self, entity: Entity) -> int:
        """Return how many rows the entity's table has.

        Raises:
            SourceError: The table cannot be read, or rows without a key would be passed over.
        """
        table = sqlalchemy.table(entity.source_table)
        counts = sqlalchemy.select(
            sqlalchemy.func.count(), sqlalchemy.func.count(sqlalchemy.column(entity.key))
        ).select_from(table)
        with self._errors(), self._engine.connect() as connection:
            rows, keys = connection.execute(counts).one()
        if keys < rows:
            raise SourceError(
                f"{rows - keys} rows of {entity.source_table} have no {entity.key}; rows are read by it: give each one"
            )
        return int(rows)

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        """Yield the entity's rows with keys above `after`, about `size` rows a page; None is the beginning.

        Rows that share one key stay on one page, so that none is passed over where a page ends.

        Raises:
            SourceError: The table cannot be read, or a key is not a whole number.
        """
        key = after and after.position
        while rows := self._rows(entity, key, size):
            records = self._records(entity, rows)
            key = records[-1].position
            yield Page(records, Place(key))

    def places(self, entity: Entity) -> Iterator[tuple[int | None, int]]:
        """Yield every key of the entity's table once, in order: a key is also a position.

        Raises:
            SourceError: The table cannot be read, or rows without a key would be passed over.
        """
        self.count(entity)
        key: ColumnElement[int] = sqlalchemy.column(entity.key)
        keys = sqlalchemy.select(key).select_from(sqlalchemy.table(entity.source_table)).distinct().order_by(key)
        rows = self._fetch(keys.limit(_KEYS_AT_ONCE))
        while rows:
            last = None
            for (value,) in rows:
                last = _whole_key(entity, value)
                yield last, last
            rows = self._fetch(keys.where(key > last).limit(_KEYS_AT_ONCE))

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        """Read the rows that have each of these keys, all of them by one query.

        Raises:
            SourceError: The table cannot be read.
        """
        found: dict[int, list[Record]] = {position: [] for position in positions}
        key: ColumnElement[int] = sqlalchemy.column(entity.key)
        for record in self._records(entity, self._fetch(self._everything(entity).where(key.in_(found)))):
            found[record.position].append(record)
        return [tuple(found[position]) for position in positions]

    def _everything(self, entity: Entity) -> Select[Any]:
        # Untyped columns: the driver's own values come through, also those that the column's type would refuse.
        columns: list[ColumnElement[Any]] = [sqlalchemy.column(name) for name in self._columns[entity.name]]
        return sqlalchemy.select(*columns).select_from(sqlalchemy.table(entity.source_table))

    def _rows(self, entity: Entity, after: int | None, size: int) -> Sequence[Sequence[object]]:
        names = self._columns[entity.name]
        key: ColumnElement[int] = sqlalchemy.column(entity.key)
        at = names.index(entity.key)
        everything = self._everything(entity)
        above = everything if after is None else everything.where(key > after)
        rows = self._fetch(above.order_by(key).limit(size + 1))
        if len(rows) <= size:
            return rows
        # A key may have several rows: those of the first key that does not fit whole wait for the next page.
        whole = [row for row in rows if row[at] != rows[-1][at]]
        return whole or self._fetch(everything.where(key == rows[-1][at]))

    def _fetch(self, select: Select[Any]) -> Sequence[Sequence[object]]:
        with self._errors(), self._engine.connect() as connection:
            return connection.execute(select).all()

    def _records(self, entity: Entity, rows: Sequence[Sequence[object]]) -> tuple[Record, ...]:
        names = self._columns[entity.name]
        moments = [column.name for column in entity.source if column.kind is Kind.MOMENT and column.name in names]
        records = []
        for row in rows:
            value = dict(zip(names, row, strict=True))
            for name in moments:
                if isinstance(text := value[name], str):
                    value[name] = text.removesuffix(_NO_FRACTION)
            key = _whole_key(entity, value[entity.key])
            records.append(Record(key, json_text(value), key))
        return tuple(records)


def _whole_key(entity: Entity, value: object) -> int:
    key = whole_number(value)
    if key is None:
        raise SourceError(f"{entity.source_table}.{entity.key} must hold whole numbers; it holds {value!r:.80}")
    return key


def _type(kind: Kind, length: int) -> TypeEngine[Any]:
    match kind:
        case Kind.WHOLE:
            return Integer()
        case Kind.REAL:
            return Double()
        case Kind.MOMENT:
            return DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
        case Kind.TEXT | Kind.COUNT:
            return String(length)


def _columns(inspector: Inspector, entity: Entity) -> tuple[str, ...]:
    """Return the declared columns that the table has; those that a row may lack may be missing."""
    try:
        found = {column["name"]: column["type"] for column in inspector.get_columns(entity.source_table)}
    except NoSuchTableError as error:
        raise SourceError(f"the source has no table {entity.source_table}") from error
    missing = [column.name for column in entity.source if column.required and column.name not in found]
    if missing:
        raise SourceError(f"table {entity.source_table} lacks {', '.join(missing)}")
    if not isinstance(found[entity.key], Integer):
        raise SourceError(
            f"column {entity.key} of {entity.source_table} must be a whole-number column, for rows are read in its "
            f"order; it is {found[entity.key]}"
        )
    return tuple(column.name for column in entity.source if column.name in found)
