"""Reads tables by another engine than the one that is tested: in milliseconds, where Spark needs a second.

Only tables in the warehouse of a session on this machine; a workspace's are read by Spark.
"""

from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tooling.local_cloud.tables import Tables, bare

_ROWS = "SELECT * FROM {table} WHERE {condition}"


def schema_folder(spark: SparkSession, table: str) -> Path:
    """Return the folder that holds the tables of this one's schema."""
    warehouse = str(spark.conf.get("spark.sql.warehouse.dir")).removeprefix("file:")
    _, schema, _ = table.replace("`", "").split(".")
    return Path(warehouse, f"{schema}.db")


def rows(spark: SparkSession, table: str, condition: str = "TRUE") -> list[dict[str, Any]]:
    """Return the rows of a table that meet a condition, by their columns' names."""
    return Tables(schema_folder(spark, table)).rows(_ROWS.format(table=bare(table), condition=condition))


def version(spark: SparkSession, table: str) -> int:
    """Return the number of a table's newest commit."""
    return DeltaTable(schema_folder(spark, table) / bare(table).strip('"')).version()
