"""Writes the answer tables from the clean tables, if something has changed."""

import hashlib
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial, reduce
from pathlib import Path
from uuid import uuid4

from pyspark.sql import DataFrame, Row, SparkSession
from pyspark.sql import functions as sf
from pyspark.sql.types import StructType

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.checkpoints import visible_folder
from pinterest_pipeline.lake.concurrency import concurrently
from pinterest_pipeline.lake.frames import frame_of
from pinterest_pipeline.lake.runs import Run, append_runs, finished, now
from pinterest_pipeline.lake.staging import STAGED, staged
from pinterest_pipeline.lake.tables import Lake, existing_tables, last_change
from pinterest_pipeline.publish.answers import ANSWERS, Answer, posts_sql

_STAGE = "publish"
_BASIS_CHARACTERS = 16
_BEGUN = "%Y%m%dT%H%M%S"  # when an attempt began, the beginning of its folder's name
_LONGEST = timedelta(days=1)


def publish(spark: SparkSession, lake: Lake, checkpoints: str) -> None:
    """Write every answer whose query or tables have changed since it was written.

    All answers of a run read the same posts, and so the same versions of the clean tables, even if rows are merged
    meanwhile.

    Args:
        spark: The session.
        lake: Where the clean tables are and the answers go.
        checkpoints: The folder of checkpoints: the posts are staged beside them.

    Raises:
        StageError: There are no clean tables, or Python cannot access the folder.
    """
    started, attempts = now(), visible_folder(checkpoints) / STAGED / _STAGE
    _remove_killed(attempts, started)
    tables = {entity.name: lake.clean(entity) for entity in ENTITIES}
    changes = dict(zip(tables, concurrently(partial(last_change, spark), tables.values()), strict=True))
    bases = {answer: _basis(answer, changes) for answer in ANSWERS}
    there = existing_tables(spark, lake)
    written = _written(spark, lake) if any(answer.name in there for answer in ANSWERS) else set()
    changed = [answer for answer in ANSWERS if bases[answer] not in written or answer.name not in there]
    if not changed:
        return
    with _viewed(posts(spark, tables), attempts, started) as view:
        found = _computed({answer: answered(spark, answer, view) for answer in changed})

    def write(answer: Answer) -> Run:
        schema, rows = found[answer]
        table = frame_of(spark, rows, answer.columns, schema).writeTo(lake.table(answer.name))
        # Delta's log keeps the smallest and largest values of deleted rows, and an answer may contain names.
        table = table.using("delta").tableProperty("delta.dataSkippingNumIndexedCols", "0")
        if answer.name in there:
            table.replace()
        else:
            table.create()
        return finished(Run(_STAGE, answer.name, bases[answer], started, rows_read=len(rows), rows_kept=len(rows)))

    append_runs(spark, lake, concurrently(write, changed))


def posts(spark: SparkSession, tables: Mapping[str, str]) -> DataFrame:
    """Return what all answers read: a row for each post.

    Args:
        spark: The session; the years of the posts are those of its time zone.
        tables: The names of the clean tables `pin`, `geo` and `user`.
    """
    return spark.sql(posts_sql().format(**tables))


def answered(spark: SparkSession, answer: Answer, view: str) -> DataFrame:
    """Return an answer.

    Args:
        spark: The session.
        answer: Which one.
        view: The name of a view of the posts.
    """
    return spark.sql(answer.sql.format(posts=view))


@contextmanager
def _viewed(rows: DataFrame, attempts: Path, started: datetime) -> Iterator[str]:
    """Stage rows and give them a view while the block runs; return its name."""
    spark, view = rows.sparkSession, f"posts_{uuid4().hex}"
    with staged(rows, attempts, f"{started:{_BEGUN}}") as kept:
        kept.createTempView(view)
        try:
            yield view
        finally:
            spark.catalog.dropTempView(view)


def _remove_killed(attempts: Path, started: datetime) -> None:
    """Remove the posts of killed attempts: those that began long ago. A notebook may publish while the job does."""
    for attempt in attempts.glob("*"):
        if attempt.name < f"{started - _LONGEST:{_BEGUN}}":
            shutil.rmtree(attempt, ignore_errors=True)


def _written(spark: SparkSession, lake: Lake) -> set[str]:
    """Return the inputs of the newest run of each answer."""
    newest = (
        spark.table(lake.runs)
        .where(sf.col("stage") == _STAGE)
        .groupBy("subject")
        .agg(sf.max_by("batch", "finished_at").alias("basis"))
    )
    return {row["basis"] for row in newest.collect()}


def _basis(answer: Answer, changes: Mapping[str, int]) -> str:
    """Return the name of an answer's inputs: its query and the last changes of the clean tables."""
    query = hashlib.sha256((answer.sql + posts_sql()).encode()).hexdigest()[:_BASIS_CHARACTERS]
    return " ".join([answer.name, query, *(f"{name}@{version}" for name, version in changes.items())])


def _computed(frames: Mapping[Answer, DataFrame]) -> dict[Answer, tuple[StructType, list[Row]]]:
    """Compute several answers by one query; return their schemas and rows, which fit on the driver."""
    named = (frame.select(sf.struct("*").alias(answer.name)) for answer, frame in frames.items())
    together = reduce(partial(DataFrame.unionByName, allowMissingColumns=True), named)
    found: dict[Answer, tuple[StructType, list[Row]]] = {answer: (frame.schema, []) for answer, frame in frames.items()}
    for row in together.collect():
        for answer, (_, rows) in found.items():
            if row[answer.name] is not None:
                rows.append(row[answer.name])
    return found
