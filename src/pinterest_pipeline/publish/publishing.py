"""Writes the answer tables from the clean tables, if something has changed."""

import hashlib
from collections.abc import Mapping
from functools import partial, reduce

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.concurrency import concurrently
from pinterest_pipeline.lake.frames import frame_of
from pinterest_pipeline.lake.runs import Run, append_runs, finished, now
from pinterest_pipeline.lake.tables import Lake, TableState, existing_tables, table_state
from pinterest_pipeline.publish.answers import ANSWERS, Answer

# The age groups of the questions; an unknown age, or one below 18, is in none.
_WITH_AGE_GROUPS = """(SELECT *, CASE
  WHEN age BETWEEN 18 AND 24 THEN '18-24'
  WHEN age BETWEEN 25 AND 35 THEN '25-35'
  WHEN age BETWEEN 36 AND 50 THEN '36-50'
  WHEN age > 50 THEN '50+'
END AS age_group FROM {user})"""

_STAGE = "publish"
_BASIS_CHARACTERS = 16


def publish(spark: SparkSession, lake: Lake) -> None:
    """Write every answer whose query or tables have changed since it was written.

    All answers of a run read the same versions of the clean tables, even if rows are merged meanwhile.

    Args:
        spark: The session.
        lake: Where the clean tables are and the answers go.
    """
    started = now()
    tables = {entity.name: lake.clean(entity) for entity in ENTITIES}
    states = dict(zip(tables, concurrently(partial(table_state, spark), tables.values()), strict=True))
    bases = {answer: _basis(answer, states) for answer in ANSWERS}
    there = existing_tables(spark, lake)
    written = _written(spark, lake) if any(answer.name in there for answer in ANSWERS) else set()
    changed = [answer for answer in ANSWERS if bases[answer] not in written or answer.name not in there]
    if not changed:
        return
    frames = {answer: answered(spark, answer, tables) for answer in changed}
    rows = _rows(frames)

    def write(answer: Answer) -> Run:
        frame = frame_of(spark, rows[answer], answer.columns, frames[answer].schema)
        table = frame.writeTo(lake.table(answer.name))
        # Delta's log keeps the smallest and largest values of deleted rows, and an answer may contain names.
        table = table.using("delta").tableProperty("delta.dataSkippingNumIndexedCols", "0")
        if answer.name in there:
            table.replace()
        else:
            table.create()
        number = len(rows[answer])
        return finished(Run(_STAGE, answer.name, bases[answer], started, rows_read=number, rows_kept=number))

    append_runs(spark, lake, concurrently(write, changed))


def answered(spark: SparkSession, answer: Answer, tables: Mapping[str, str]) -> DataFrame:
    """Return an answer.

    Args:
        spark: The session; the years in the answers are those of its time zone.
        answer: Which one.
        tables: What stands in SQL for the clean tables `pin`, `geo` and `user`: a name, perhaps with its version.
    """
    users = _WITH_AGE_GROUPS.format(user=tables["user"])
    return spark.sql(answer.sql.format(**{**tables, "user": users}))


def _written(spark: SparkSession, lake: Lake) -> set[str]:
    """Return the inputs of the newest run of each answer."""
    newest = (
        spark.table(lake.runs)
        .where(sf.col("stage") == _STAGE)
        .groupBy("subject")
        .agg(sf.max_by("batch", "finished_at").alias("basis"))
    )
    return {row["basis"] for row in newest.collect()}


def _basis(answer: Answer, states: Mapping[str, TableState]) -> str:
    """Return the name of an answer's inputs: its query and the last changes of the clean tables."""
    query = hashlib.sha256((answer.sql + _WITH_AGE_GROUPS).encode()).hexdigest()[:_BASIS_CHARACTERS]
    return " ".join([answer.name, query, *(f"{name}@{state.changed}" for name, state in states.items())])


def _rows(frames: Mapping[Answer, DataFrame]) -> dict[Answer, list[Row]]:
    """Compute several answers by one query, so that each table is resolved once; they fit on the driver."""
    named = (frame.select(sf.struct("*").alias(answer.name)) for answer, frame in frames.items())
    together = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), named)
    rows: dict[Answer, list[Row]] = {answer: [] for answer in frames}
    for found in together.collect():
        for answer in frames:
            if found[answer.name] is not None:
                rows[answer].append(found[answer.name])
    return rows
