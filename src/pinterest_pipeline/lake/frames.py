"""Brings a few rows of the driver to Spark."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql.types import StructType


def frame_of(
    spark: SparkSession, rows: Sequence[Row | Mapping[str, Any]], names: Iterable[str], schema: StructType | str
) -> DataFrame:
    """Return rows that the driver holds as a DataFrame.

    They go as an Arrow table: for Python rows Spark would start a Python worker.

    Args:
        spark: The session.
        rows: The rows, with a value for each name.
        names: The columns' names, in the order of the schema.
        schema: The columns' names and types.
    """
    return spark.createDataFrame(pa.table({name: [row[name] for row in rows] for name in names}), schema)
