"""The Delta tables: their names, columns and properties, made from the declaration and evolved with it."""

from dataclasses import dataclass
from enum import StrEnum

from pyspark.errors import AnalysisException
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

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


def create_tables(spark: SparkSession, lake: Lake) -> None:
    """Create the schema and every table that is not there; add columns that the declaration has gained.

    Args:
        spark: The session.
        lake: Where the tables live.
    """
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {lake.full_schema}")
    for entity in ENTITIES:
        clean = (*entity.clean, *LINEAGE)
        _create(spark, lake.raw(entity), RAW, f"{entity.about} As it arrived.", _APPEND_ONLY)
        _create(spark, lake.clean(entity), clean, entity.about, _PROPERTIES, key=entity.clean[0].name)
        _create(spark, lake.quarantine(entity), QUARANTINE, f"{entity.about} Turned away.", _PROPERTIES)
    _create(spark, lake.runs, RUNS, "What each run read, kept, turned away and replaced.", _APPEND_ONLY)


def _create(
    spark: SparkSession,
    name: str,
    columns: tuple[CleanColumn, ...],
    about: str,
    properties: dict[str, str],
    key: str | None = None,
) -> None:
    definitions = ", ".join(
        _definition(column) + (" NOT NULL" if column.name == key else "") + f" COMMENT {literal(column.about)}"
        for column in columns
    )
    pairs = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in properties.items())
    clustering = f"CLUSTER BY ({quoted(key)})" if key else ""
    spark.sql(
        f"CREATE TABLE IF NOT EXISTS {name} ({definitions}) USING DELTA {clustering} "
        f"COMMENT {literal(about)} TBLPROPERTIES ({pairs})"
    )
    there = set(spark.table(name).columns)
    added = [column for column in columns if column.name not in there]
    if added:
        spark.sql(
            f"ALTER TABLE {name} ADD COLUMNS ("
            + ", ".join(f"{_definition(column)} COMMENT {literal(column.about)}" for column in added)
            + ")"
        )


def _definition(column: CleanColumn) -> str:
    return f"{quoted(column.name)} {column.type}"


def changed_version(spark: SparkSession, name: str) -> int:
    """Return the newest version of a Delta table that changed its rows: maintenance moves them about and changes none.

    Args:
        spark: The session.
        name: The table's full name.
    """
    history = spark.sql(f"DESCRIBE HISTORY {name}").where(~sf.col("operation").isin(*_MAINTENANCE))
    return int(history.agg(sf.max("version")).collect()[0][0])


def table_version(spark: SparkSession, name: str) -> int:
    """Return the newest version of a Delta table.

    Args:
        spark: The session.
        name: The table's full name.

    Raises:
        StageError: There is no such table.
    """
    try:
        newest = spark.sql(f"DESCRIBE HISTORY {name} LIMIT 1").collect()[0]
    except AnalysisException as error:
        raise StageError(f"expected the Delta table {name}, found none; create the tables first") from error
    return int(newest["version"])
