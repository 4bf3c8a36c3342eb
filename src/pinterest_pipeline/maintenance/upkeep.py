"""Purges deleted rows from files, the maintenance that predictive optimization leaves.

The retention of Delta's log and old files is a property of each table, which the task `tables` sets.
"""

from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import Lake, existing_tables
from pinterest_pipeline.publish.answers import ANSWERS


def purge_tables(spark: SparkSession, lake: Lake) -> None:
    """Purge deleted rows from the files of every table with records.

    A merge only marks rows as deleted. The old files are removed after the table's retention period.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for name in tables_with_records(spark, lake):
        purge(spark, name)


def purge(spark: SparkSession, table: str) -> None:
    """Rewrite the files of a table that have deleted rows, without these rows.

    Args:
        spark: The session.
        table: The table's full name.
    """
    spark.sql(f"REORG TABLE {table} APPLY (PURGE)")


def tables_with_records(spark: SparkSession, lake: Lake) -> list[str]:
    """Return the full names of the tables with records or data derived from them: all except `runs`.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    there = existing_tables(spark, lake)
    names = [name(entity) for entity in ENTITIES for name in (lake.raw, lake.clean, lake.quarantine)]
    return names + [lake.table(answer.name) for answer in ANSWERS if answer.name in there]
