"""What is left to keep up where predictive optimization does the rest: deleted rows that are still in their files.

How long Delta's log and old files are kept is a property of each table, which the task `tables` sets.
"""

from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import Lake, existing_tables
from pinterest_pipeline.publish.answers import ANSWERS


def purge_tables(spark: SparkSession, lake: Lake) -> None:
    """Take deleted rows out of the files of every table that holds records.

    A merge only marks them as deleted. Their old files go when they are older than the table's retention.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for name in tables_with_records(spark, lake):
        purge(spark, name)


def purge(spark: SparkSession, table: str) -> None:
    """Write the files of a table anew that hold deleted rows, without these.

    Args:
        spark: The session.
        table: The table's full name.
    """
    spark.sql(f"REORG TABLE {table} APPLY (PURGE)")


def tables_with_records(spark: SparkSession, lake: Lake) -> list[str]:
    """Return the full names of the tables with records or what was made of them: all but `runs`.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    there = existing_tables(spark, lake)
    names = [name(entity) for entity in ENTITIES for name in (lake.raw, lake.clean, lake.quarantine)]
    return names + [lake.table(answer.name) for answer in ANSWERS if answer.name in there]
