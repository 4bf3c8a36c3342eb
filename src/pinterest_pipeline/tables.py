"""The Delta tables: their names, columns and properties, made from the declaration and evolved with it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from pyspark.errors import AnalysisException
from pyspark.sql import Row, SparkSession

from pinterest_pipeline.entities import ENTITIES, CleanColumn, Entity
from pinterest_pipeline.errors import StageError

FIRST_BATCH = "_first_batch"


class Origin(StrEnum):
    """How a record came into its raw table."""

    S3 = "s3"
    """In a file of the Kafka sink."""
    KINESIS = "kinesis"
    """Through a Kinesis stream."""


LINEAGE = (
    CleanColumn("_arrived_at", "TIMESTAMP", "When the record that this row was made from arrived.", ()),
    CleanColumn("_position", "STRING", "Where that record stands: file and line, or shard and sequence number.", ()),
    CleanColumn(FIRST_BATCH, "STRING", "The batch that saw this key first.", ()),
    CleanColumn("_extra", "MAP<STRING, STRING>", "Fields of the record that the declaration does not know.", ()),
)
"""What every clean table carries behind its declared columns. `_arrived_at` and `_position` order two records of
one key: the newest wins."""

RAW = (
    CleanColumn("payload", "STRING", "The record's text, untouched; bytes that are no UTF-8 in base64.", ()),
    CleanColumn("origin", "STRING", "How it came: s3 or kinesis.", ()),
    CleanColumn("position", "STRING", "Where it stands: file and line, or shard and sequence number.", ()),
    CleanColumn("arrived_at", "TIMESTAMP", "When its file was written, or Kinesis took it.", ()),
    CleanColumn("batch_id", "STRING", "The query and batch that brought it in.", ()),
)

QUARANTINE = (
    *RAW,
    CleanColumn("reasons", "ARRAY<STRING>", "Every reason why it is not clean.", ()),
    CleanColumn("refined_in", "STRING", "The query and batch that turned it away.", ()),
)

RUNS = (
    CleanColumn("stage", "STRING", "ingest, refine, replay or publish.", ()),
    CleanColumn("subject", "STRING", "The entity, or the answer.", ()),
    CleanColumn("batch", "STRING", "The query and batch, or what publish read.", ()),
    CleanColumn("rows_read", "BIGINT", "Rows that came in.", ()),
    CleanColumn("rows_kept", "BIGINT", "Rows that the stage added.", ()),
    CleanColumn("rows_rejected", "BIGINT", "Rows that went to quarantine.", ()),
    CleanColumn("rows_replaced", "BIGINT", "Rows that are no longer there, or never were, since a newer one is.", ()),
    CleanColumn("oldest_arrival", "TIMESTAMP", "When the oldest row of the batch arrived.", ()),
    CleanColumn("newest_arrival", "TIMESTAMP", "When the newest row of the batch arrived.", ()),
    CleanColumn(
        "latency_p50_seconds", "DOUBLE", "From arrival to commit, for half of its rows at most; streams only.", ()
    ),
    CleanColumn("latency_p99_seconds", "DOUBLE", "The same for 99 of 100 rows.", ()),
    CleanColumn("started_at", "TIMESTAMP", "When the stage took the batch up.", ()),
    CleanColumn("finished_at", "TIMESTAMP", "When it had committed it.", ()),
)

_MAINTENANCE = ("OPTIMIZE", "VACUUM START", "VACUUM END")
_FIRST_LOOK = 10  # entries of a history
_PROPERTIES = {"delta.enableDeletionVectors": "true"}
_APPEND_ONLY = {"delta.appendOnly": "true"}


def quoted(identifier: str) -> str:
    """Return the identifier in backquotes, safe to stand in SQL."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return the text as a SQL string literal, safe to stand in SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Lake:
    """The schema that holds the pipeline's tables, and the full, quoted name of each.

    Attributes:
        catalog: The catalog, `spark_catalog` where there is no Unity Catalog.
        schema: The schema inside it.
    """

    catalog: str
    schema: str

    @property
    def full_schema(self) -> str:
        """The schema's own name."""
        return f"{quoted(self.catalog)}.{quoted(self.schema)}"

    def table(self, name: str) -> str:
        """Return the full name of any table of the schema."""
        return f"{self.full_schema}.{quoted(name)}"

    def raw(self, entity: Entity) -> str:
        """Return the name of the table of records as they arrived."""
        return self.table(f"{entity.name}_raw")

    def clean(self, entity: Entity) -> str:
        """Return the name of the table of rows with one row a key."""
        return self.table(entity.name)

    def quarantine(self, entity: Entity) -> str:
        """Return the name of the table of records that are not clean."""
        return self.table(f"{entity.name}_quarantine")

    @property
    def runs(self) -> str:
        """The name of the table of what each run did."""
        return self.table("runs")


@dataclass(frozen=True)
class TableDefinition:
    """One table as it is to be.

    Attributes:
        name: Its name in the schema.
        columns: Its columns in order.
        about: Its comment.
        properties: Delta's properties.
        key: The column that it is clustered by and that is never NULL, where there is one.
    """

    name: str
    columns: tuple[CleanColumn, ...]
    about: str
    properties: dict[str, str]
    key: str | None = None


def definitions() -> Iterator[TableDefinition]:
    """Return every table but the answers, which publish makes from their queries."""
    for entity in ENTITIES:
        yield TableDefinition(f"{entity.name}_raw", RAW, f"{entity.about} As it arrived.", _APPEND_ONLY)
        clean = (*entity.clean, *LINEAGE)
        yield TableDefinition(entity.name, clean, entity.about, _PROPERTIES, key=entity.clean[0].name)
        yield TableDefinition(f"{entity.name}_quarantine", QUARANTINE, f"{entity.about} Turned away.", _PROPERTIES)
    yield TableDefinition("runs", RUNS, "What each run read, kept, turned away and replaced.", _APPEND_ONLY)


def create_tables(spark: SparkSession, lake: Lake) -> None:
    """Create the schema and every table that is not there; add columns that the declaration has gained.

    Args:
        spark: The session.
        lake: Where the tables live.
    """
    # Where the bundle has made the schema, the job's identity needs no right to make one.
    if not spark.catalog.databaseExists(lake.full_schema):
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {lake.full_schema}")
    there = existing_tables(spark, lake)
    for definition in definitions():
        if definition.name in there:
            _add_columns(spark, lake, definition)
        else:
            _create(spark, lake, definition)


def existing_tables(spark: SparkSession, lake: Lake) -> set[str]:
    """Return the names of all tables of the schema, by one query.

    Args:
        spark: The session.
        lake: The schema.
    """
    return {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {lake.full_schema}").collect()}


def _create(spark: SparkSession, lake: Lake, table: TableDefinition) -> None:
    columns = ", ".join(
        _definition(column) + (" NOT NULL" if column.name == table.key else "") + f" COMMENT {literal(column.about)}"
        for column in table.columns
    )
    pairs = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in table.properties.items())
    clustering = f"CLUSTER BY ({quoted(table.key)})" if table.key else ""
    # Another job may create it at the same moment.
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {lake.table(table.name)} ({columns}) USING DELTA {clustering} "
        f"COMMENT {literal(table.about)} TBLPROPERTIES ({pairs})"
    )


def _add_columns(spark: SparkSession, lake: Lake, table: TableDefinition) -> None:
    name = lake.table(table.name)
    there = set(spark.table(name).columns)
    added = [column for column in table.columns if column.name not in there]
    if added:
        spark.sql(
            f"ALTER TABLE {name} ADD COLUMNS ("
            + ", ".join(f"{_definition(column)} COMMENT {literal(column.about)}" for column in added)
            + ")"
        )


def _definition(column: CleanColumn) -> str:
    return f"{quoted(column.name)} {column.type}"


@dataclass(frozen=True)
class TableState:
    """Where a Delta table stands.

    Attributes:
        version: Its newest version.
        changed: The newest version that changed its rows: maintenance moves them about and changes none. -1 where
            nothing else is left in the history.
    """

    version: int
    changed: int


def table_state(spark: SparkSession, name: str) -> TableState:
    """Return where a Delta table stands; reads no more of its history than the newest change needs.

    Args:
        spark: The session.
        name: The table's full name.

    Raises:
        StageError: There is no such table.
    """
    limit = _FIRST_LOOK
    while True:
        history = _history(spark, name, limit)
        changed = [row["version"] for row in history if row["operation"] not in _MAINTENANCE]
        if changed or len(history) < limit:
            return TableState(history[0]["version"], max(changed, default=-1))
        limit *= 10


def table_version(spark: SparkSession, name: str) -> int:
    """Return the newest version of a Delta table.

    Args:
        spark: The session.
        name: The table's full name.

    Raises:
        StageError: There is no such table.
    """
    return int(_history(spark, name, 1)[0]["version"])


def _history(spark: SparkSession, name: str, limit: int) -> list[Row]:
    try:
        return spark.sql(f"DESCRIBE HISTORY {name} LIMIT {limit}").select("version", "operation").collect()
    except AnalysisException as error:
        raise StageError(f"expected the Delta table {name}, found none; create the tables first") from error
