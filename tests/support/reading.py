"""Reads tables by another engine than the one that is tested: in milliseconds, where Spark needs a second.

Only tables in the warehouse of a session on this machine; a workspace's are read by Spark.
"""

from pathlib import Path
from typing import Any

from deltalake import DeltaTable
from pyspark.sql import SparkSession

from tooling.local_cloud.spark.session import schema_folder
from tooling.local_cloud.tables import Tables, bare

_ROWS = "SELECT * FROM {table} WHERE {condition}"


def table_folder(spark: SparkSession, table: str) -> Path:
    """Return the folder of a table, among those of its schema."""
    warehouse = str(spark.conf.get("spark.sql.warehouse.dir")).removeprefix("file:")
    _, schema, name = table.replace("`", "").split(".")
    return schema_folder(Path(warehouse), schema) / name


def rows(spark: SparkSession, table: str, condition: str = "TRUE") -> list[dict[str, Any]]:
    """Return the rows of a table that meet a condition, by their columns' names."""
    return Tables(table_folder(spark, table).parent).rows(_ROWS.format(table=bare(table), condition=condition))


def version(spark: SparkSession, table: str) -> int:
    """Return the number of a table's newest commit."""
    return DeltaTable(table_folder(spark, table)).version()
