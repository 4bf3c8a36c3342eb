"""The Delta tables: names, columns and properties, derived from the declaration and evolved with it."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from pyspark.errors import AnalysisException
from pyspark.sql import Row, SparkSession

from pinterest_pipeline.entities import ENTITIES, CleanColumn, Entity
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.concurrency import concurrently
from pinterest_pipeline.lake.upgrade import fill_rejections

FIRST_BATCH = "_first_batch"


class Origin(StrEnum):
    """How a record reached its raw table."""

    S3 = "s3"
    """In a file of the Kafka sink."""
    KINESIS = "kinesis"
    """Through a Kinesis stream."""


LINEAGE = (
    CleanColumn("_arrived_at", "TIMESTAMP", "When the record of this row arrived.", ()),
    CleanColumn("_position", "STRING", "Position of that record: file and line, or shard and sequence number.", ()),
    CleanColumn(FIRST_BATCH, "STRING", "The batch that inserted this key.", ()),
    CleanColumn("_extra", "MAP<STRING, STRING>", "Undeclared fields of the record.", ()),
)
"""Columns of every clean table after its declared ones. `_arrived_at` and `_position` order the records of one
key: the newest wins."""

RAW = (
    CleanColumn("payload", "STRING", "The record's text, unchanged; base64 if its bytes are not UTF-8.", ()),
    CleanColumn("origin", "STRING", "Source of the record: s3 or kinesis.", ()),
    CleanColumn("position", "STRING", "Position at the source: file and line, or shard and sequence number.", ()),
    CleanColumn("arrived_at", "TIMESTAMP", "When its file was written, or Kinesis received the record.", ()),
    CleanColumn("batch_id", "STRING", "The query and batch that ingested the record.", ()),
)

QUARANTINE = (
    *RAW,
    CleanColumn("reasons", "ARRAY<STRING>", "The texts of rejections. Deprecated: removed in the next version.", ()),
    CleanColumn("refined_in", "STRING", "The query and batch that rejected the record.", ()),
    CleanColumn(
        "rejections",
        "ARRAY<STRUCT<rule: STRING, column: STRING, text: STRING>>",
        "Each violated rule, with the field and what was expected and found.",
        (),
    ),
)

RUNS = (
    CleanColumn("stage", "STRING", "ingest, refine, replay or publish.", ()),
    CleanColumn("subject", "STRING", "The entity, or the answer's name.", ()),
    CleanColumn("batch", "STRING", "The query and batch, or the table versions that publish read.", ()),
    CleanColumn("rows_read", "BIGINT", "Rows read.", ()),
    CleanColumn("rows_kept", "BIGINT", "Rows added by the stage.", ()),
    CleanColumn("rows_rejected", "BIGINT", "Rows sent to quarantine.", ()),
    CleanColumn("rows_replaced", "BIGINT", "Rows superseded by a newer record of the same key.", ()),
    CleanColumn("oldest_arrival", "TIMESTAMP", "When the oldest row of the batch arrived.", ()),
    CleanColumn("newest_arrival", "TIMESTAMP", "When the newest row of the batch arrived.", ()),
    CleanColumn("latency_p50_seconds", "DOUBLE", "Median latency from arrival to commit; streams only.", ()),
    CleanColumn("latency_p99_seconds", "DOUBLE", "99th percentile of the same latency.", ()),
    CleanColumn("started_at", "TIMESTAMP", "When the stage started the batch.", ()),
    CleanColumn("finished_at", "TIMESTAMP", "When the stage committed the batch.", ()),
)

_MAINTENANCE = ("OPTIMIZE", "VACUUM START", "VACUUM END")
_FIRST_PAGE = 10  # entries of a history
_DELETION_VECTORS = {"delta.enableDeletionVectors": "true"}
RETENTION = {
    "delta.logRetentionDuration": "interval 30 days",
    "delta.deletedFileRetentionDuration": "interval 7 days",
    "delta.checkpointInterval": "10",
}
"""Retention settings, at Delta's defaults: `erase` changes them while it runs, and may die before it resets them."""

_CONSTRAINT = "delta.constraints."
_IDENTIFIED = {
    "identified": f"origin IN ({', '.join(repr(str(origin)) for origin in Origin)}) AND position IS NOT NULL",
}
_ORDERED = {"ordered": " AND ".join(f"{column.name} IS NOT NULL" for column in LINEAGE[:2])}
_SPACE = re.compile(r"\s+")  # Delta keeps a condition as a list of words


def quoted(identifier: str) -> str:
    """Return the identifier in backquotes, safe to use in SQL."""
    return "`" + identifier.replace("`", "``") + "`"


def literal(text: str) -> str:
    """Return the text as a SQL string literal, safe to use in SQL."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


@dataclass(frozen=True)
class Lake:
    """The schema that holds the pipeline's tables, with the full, quoted name of each.

    Attributes:
        catalog: The catalog; `spark_catalog` without Unity Catalog.
        schema: The schema in it.
    """

    catalog: str
    schema: str

    @property
    def full_schema(self) -> str:
        """The full name of the schema."""
        return f"{quoted(self.catalog)}.{quoted(self.schema)}"

    def table(self, name: str) -> str:
        """Return the full name of any table of the schema."""
        return f"{self.full_schema}.{quoted(name)}"

    def raw(self, entity: Entity) -> str:
        """Return the name of the table of records as they arrived."""
        return self.table(f"{entity.name}_raw")

    def clean(self, entity: Entity) -> str:
        """Return the name of the table of clean rows, one per key."""
        return self.table(entity.name)

    def quarantine(self, entity: Entity) -> str:
        """Return the name of the table of rejected records."""
        return self.table(f"{entity.name}_quarantine")

    @property
    def runs(self) -> str:
        """The name of the table of runs."""
        return self.table("runs")


@dataclass(frozen=True)
class TableDefinition:
    """The definition of one table.

    Attributes:
        name: Its name in the schema.
        columns: Its columns in order.
        about: Its comment.
        clustering: The columns that it is clustered by.
        key: The column declared NOT NULL, if there is one.
        checks: Conditions that every row satisfies, by the names of the constraints.
        indexed: The columns with statistics in Delta's log; empty means every column. None holds free text: the log
            keeps the values of deleted rows.
        properties: Other Delta properties.
    """

    name: str
    columns: tuple[CleanColumn, ...]
    about: str
    clustering: tuple[str, ...]
    key: str | None = None
    checks: Mapping[str, str] = field(default_factory=dict)
    indexed: tuple[str, ...] = ()
    properties: Mapping[str, str] = field(default_factory=dict)

    @property
    def table_properties(self) -> dict[str, str]:
        """All Delta properties except the constraints."""
        indexed = {"delta.dataSkippingStatsColumns": ",".join(self.indexed)} if self.indexed else {}
        return {**self.properties, **RETENTION, **indexed}

    def create_statement(self, lake: Lake) -> str:
        """Return the SQL that creates the table, unless another job has just created it.

        Args:
            lake: The schema to create it in.
        """
        columns = ",\n  ".join(_described(column, self.key) for column in self.columns)
        constraints = {_CONSTRAINT + name: condition for name, condition in self.checks.items()}
        pairs = self.table_properties | constraints
        properties = ",\n  ".join(f"{literal(name)} = {literal(value)}" for name, value in pairs.items())
        return (
            f"CREATE TABLE IF NOT EXISTS {lake.table(self.name)} (\n  {columns}\n)\nUSING DELTA\n{_clustered(self)}\n"
            f"COMMENT {literal(self.about)}\nTBLPROPERTIES (\n  {properties}\n)"
        )


def definitions() -> Iterator[TableDefinition]:
    """Return every table except the answers, which publish creates from their queries."""
    for entity in ENTITIES:
        yield TableDefinition(
            f"{entity.name}_raw",
            RAW,
            f"{entity.about} Records as they arrived.",
            clustering=("arrived_at",),
            checks=_IDENTIFIED,
            indexed=("arrived_at", "origin", "position", "batch_id"),
            # Only `erase` deletes rows. It rewrites their files, so that no deleted row remains in one.
            properties={"delta.appendOnly": "false"},
        )
        key = entity.clean[0].name
        yield TableDefinition(
            entity.name,
            (*entity.clean, *LINEAGE),
            entity.about,
            clustering=(key,),
            key=key,
            checks=_ORDERED,
            indexed=(key, *(column.name for column in LINEAGE if not column.type.startswith("MAP"))),
            properties=_DELETION_VECTORS,
        )
        yield TableDefinition(
            f"{entity.name}_quarantine",
            QUARANTINE,
            f"{entity.about} Rejected records.",
            clustering=("arrived_at",),
            checks=_IDENTIFIED,
            indexed=("arrived_at", "origin", "position", "batch_id", "refined_in"),
            properties=_DELETION_VECTORS,
        )
    yield TableDefinition(
        "runs",
        RUNS,
        "What each run read, kept, rejected and replaced.",
        clustering=("finished_at",),
        checks={"named": "stage IS NOT NULL AND subject IS NOT NULL"},
        properties={"delta.appendOnly": "true"},
    )


def create_statements() -> str:
    """Return the SQL of every table as one script, with placeholders `${catalog}` and `${schema}`."""
    lake = Lake("${catalog}", "${schema}")
    return "".join(f"{definition.create_statement(lake)};\n\n" for definition in definitions())


def create_tables(spark: SparkSession, lake: Lake) -> None:
    """Create the schema and missing tables; alter existing tables to match their definitions, without rewriting data.

    Args:
        spark: The session.
        lake: Where the tables live.
    """
    # If the bundle created the schema, the job's identity needs no permission to create one.
    if spark.catalog.databaseExists(lake.full_schema):
        existing = existing_tables(spark, lake)
    else:
        spark.sql(f"CREATE SCHEMA IF NOT EXISTS {lake.full_schema}")
        existing = set()

    def create(definition: TableDefinition) -> None:
        if definition.name in existing:
            _evolve(spark, lake.table(definition.name), definition)
        else:
            spark.sql(definition.create_statement(lake))

    concurrently(create, definitions())
    for entity in ENTITIES:
        if f"{entity.name}_quarantine" in existing:
            fill_rejections(spark, lake.quarantine(entity))


def existing_tables(spark: SparkSession, lake: Lake) -> set[str]:
    """Return the names of all tables of the schema, in one query.

    Args:
        spark: The session.
        lake: The schema.
    """
    return {row["tableName"] for row in spark.sql(f"SHOW TABLES IN {lake.full_schema}").collect()}


def _evolve(spark: SparkSession, name: str, wanted: TableDefinition) -> None:
    """Change what differs from the definition; extra columns and constraints stay."""
    for change in _changes(spark, name, wanted):
        spark.sql(f"ALTER TABLE {name} {change}")


def _changes(spark: SparkSession, name: str, wanted: TableDefinition) -> Iterator[str]:
    schema, detail = spark.table(name).schema, spark.sql(f"DESCRIBE DETAIL {name}").collect()[0]
    comments = {column.name: column.metadata.get("comment") for column in schema}
    added = [_described(column) for column in wanted.columns if column.name not in comments]
    if added:
        yield f"ADD COLUMNS ({', '.join(added)})"
    for column in wanted.columns:
        if column.name in comments and comments[column.name] != column.about:
            yield f"ALTER COLUMN {quoted(column.name)} COMMENT {literal(column.about)}"
    properties = detail["properties"]
    changed = {key: value for key, value in wanted.table_properties.items() if properties.get(key) != value}
    if changed:
        yield f"SET TBLPROPERTIES ({', '.join(f'{literal(key)} = {literal(value)}' for key, value in changed.items())})"
    if tuple(detail["clusteringColumns"]) != wanted.clustering:
        yield _clustered(wanted)
    for check, condition in wanted.checks.items():
        existing = properties.get(_CONSTRAINT + check)
        if existing is not None and _SPACE.sub("", existing) == _SPACE.sub("", condition):
            continue
        if existing is not None:
            yield f"DROP CONSTRAINT {quoted(check)}"
        yield f"ADD CONSTRAINT {quoted(check)} CHECK ({condition})"


def _clustered(table: TableDefinition) -> str:
    return f"CLUSTER BY ({', '.join(map(quoted, table.clustering))})"


def _described(column: CleanColumn, key: str | None = None) -> str:
    required = " NOT NULL" if column.name == key else ""
    return f"{quoted(column.name)} {column.type}{required} COMMENT {literal(column.about)}"


def last_change(spark: SparkSession, name: str) -> int:
    """Return the newest version of a Delta table that changed its rows; reads its history only so far back.

    Args:
        spark: The session.
        name: The table's full name.

    Returns:
        The version; -1 if the history holds only maintenance, which changes none.

    Raises:
        StageError: There is no such table.
    """
    limit = _FIRST_PAGE
    while True:
        history = _history(spark, name, limit)
        changed = [row["version"] for row in history if row["operation"] not in _MAINTENANCE]
        if changed or len(history) < limit:
            return max(changed, default=-1)
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
        # All columns: a selection would be a query of its own.
        return spark.sql(f"DESCRIBE HISTORY {name} LIMIT {limit}").collect()
    except AnalysisException as error:
        raise StageError(f"expected the Delta table {name}, found none; create the tables first") from error
