"""Validates records without Delta: a DataFrame in, every result out, in order."""

import json
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from pyspark.sql import Column, Row, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.refine.rules import judge
from tests.support.landed import record

ASCII_WHITE = "\t\n\v\f\r\x1c\x1d\x1e\x1f "
WHITE_SPACE = ASCII_WHITE + "\x85\xa0\u1680\u2000\u2003\u200a\u2028\u2029\u202f\u205f\u3000\ufeff"


def judged(spark: SparkSession, entity: Entity, payloads: Sequence[str | None]) -> list[Row]:
    """Judge records, given as the texts that arrived."""
    records = spark.createDataFrame(pa.table({"payload": payloads}), "payload STRING")
    return judge(records, entity).withColumn("reasons", sf.col("rejections.text")).collect()


def verdicts(spark: SparkSession, entity: Entity, *records: dict[str, Any] | str) -> list[Row]:
    """Judge records, given as objects or as they stand in their line."""
    return judged(spark, entity, [line if isinstance(line, str) else json.dumps(line) for line in records])


def cleaned(spark: SparkSession, entity: Entity, source: str, clean: str, *values: object) -> list[Any]:
    """Return what a clean column becomes for each value of a source column, all else being good."""
    rows = verdicts(spark, entity, *(record(entity, **{source: value}) for value in values))
    assert [row["reasons"] for row in rows] == [[] for _ in rows]
    return [row[clean] for row in rows]


def reasons(spark: SparkSession, entity: Entity, source: str, *values: object) -> list[list[str]]:
    """Return the reasons that each value of a source column gives, all else being good."""
    return [row["reasons"] for row in verdicts(spark, entity, *(record(entity, **{source: v}) for v in values))]


def read(spark: SparkSession, column: Column, *texts: str) -> list[Any]:
    """Return what a column function of `text` makes of each text."""
    rows = spark.createDataFrame(pa.table({"text": texts}), "text STRING")
    return [row[0] for row in rows.select(column).collect()]
