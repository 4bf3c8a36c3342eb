"""From the clean tables to the answer tables, where something has changed."""

import hashlib
from concurrent.futures import ThreadPoolExecutor

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.observe import Run, now, record
from pinterest_pipeline.publish.answers import ANSWERS, Answer
from pinterest_pipeline.tables import Lake, changed_version, table_version

AGE_GROUP = """CASE
  WHEN age BETWEEN 18 AND 24 THEN '18-24'
  WHEN age BETWEEN 25 AND 35 THEN '25-35'
  WHEN age BETWEEN 36 AND 50 THEN '36-50'
  WHEN age > 50 THEN '50+'
END"""
"""The age groups of the questions; an unknown age, or one below 18, belongs to none."""

_STAGE = "publish"
_AT_ONCE = 4
_BASIS_CHARACTERS = 16


def publish(spark: SparkSession, lake: Lake) -> None:
    """Write every answer whose query or tables have changed since it was written.

    All answers of a run read the same versions of the clean tables, whatever is merged meanwhile.

    Args:
        spark: The session.
        lake: Where the clean tables are and the answers go.
    """
    changes = {entity.name: changed_version(spark, lake.clean(entity)) for entity in ENTITIES}
    tables = _snapshot(spark, lake)
    written = _written(spark, lake)
    bases = {answer: _basis(answer, changes) for answer in ANSWERS}
    changed = [
        answer
        for answer in ANSWERS
        if bases[answer] not in written or not spark.catalog.tableExists(lake.table(answer.name))
    ]
    # An answer is small and mostly waits for its commit: several at once take little more time than one.
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        runs = list(pool.map(lambda answer: _write(spark, lake, answer, tables, bases[answer]), changed))
    if runs:
        record(spark, lake, runs, _STAGE, table_version(spark, lake.runs))


def answered(spark: SparkSession, answer: Answer, tables: dict[str, DataFrame]) -> DataFrame:
    """Return an answer.

    Args:
        spark: The session; the years in the answers are those of its time zone.
        answer: Which one.
        tables: The clean tables `pin`, `geo` and `user`.
    """
    users = tables["user"].withColumn("age_group", sf.expr(AGE_GROUP))
    return spark.sql(answer.sql, args=None, **(tables | {"user": users}))


def _snapshot(spark: SparkSession, lake: Lake) -> dict[str, DataFrame]:
    names = {entity.name: lake.clean(entity) for entity in ENTITIES}
    return {
        entity: spark.read.option("versionAsOf", table_version(spark, name)).table(name)
        for entity, name in names.items()
    }


def _written(spark: SparkSession, lake: Lake) -> set[str]:
    """Return what the newest run of each answer was made from."""
    newest = (
        spark.table(lake.runs)
        .where(sf.col("stage") == _STAGE)
        .groupBy("subject")
        .agg(sf.max_by("batch", "finished_at").alias("basis"))
    )
    return {row["basis"] for row in newest.collect()}


def _basis(answer: Answer, changes: dict[str, int]) -> str:
    """Name what an answer is made from: its query and the last changes of the clean tables."""
    query = hashlib.sha256((answer.sql + AGE_GROUP).encode()).hexdigest()[:_BASIS_CHARACTERS]
    return " ".join([answer.name, query, *(f"{name}@{version}" for name, version in changes.items())])


def _write(spark: SparkSession, lake: Lake, answer: Answer, tables: dict[str, DataFrame], basis: str) -> Run:
    started, name = now(), lake.table(answer.name)
    result = answered(spark, answer, tables)
    result.write.format("delta").mode("overwrite").option("overwriteSchema", value=True).saveAsTable(name)
    rows = spark.table(name).count()
    return Run(_STAGE, answer.name, basis, started, rows, rows)
