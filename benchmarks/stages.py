"""Refine against a plain read and write of the same rows, and a run with nothing new against the first."""

from pathlib import Path

from pyspark.sql import SparkSession

from benchmarks.measure import Measure, timed
from pinterest_pipeline.entities import ENTITIES, PIN, Entity, Names
from pinterest_pipeline.ingest.landing import Reader, ingest_landing
from pinterest_pipeline.local.generator import generate
from pinterest_pipeline.local.spark import CATALOG, local_spark
from pinterest_pipeline.post.records import json_text
from pinterest_pipeline.publish import publish
from pinterest_pipeline.refine import refine
from pinterest_pipeline.tables import Lake, create_tables

_LAKE = Lake(CATALOG, "bench")
_NAMES = Names("bench")


def measure(folder: Path, rows: int) -> list[Measure]:
    """Bring landed rows through every stage, then once more with nothing new.

    Args:
        folder: Where files and tables are kept.
        rows: Pins; geo and user have a tenth, since the yardstick is about pins.
    """
    for entity in ENTITIES:
        _land(folder / "landing", entity, rows if entity is PIN else rows // 10)
    spark = local_spark(folder / "lake", log=folder / "spark.log")
    create_tables(spark, _LAKE)
    first_ingest, first_refine, first_publish = _run(spark, folder)
    with timed() as plain:
        for entity in ENTITIES:
            copy = _LAKE.table(f"{entity.name}_copy")
            spark.table(_LAKE.raw(entity)).write.format("delta").saveAsTable(copy)
    first, second = first_ingest + first_refine + first_publish, sum(_run(spark, folder))
    total = sum(spark.table(_LAKE.clean(entity)).count() for entity in ENTITIES)
    spark.stop()
    return [
        Measure(
            f"refine {total:,} rows ({rows:,} of them pins)",
            f"{first_refine:.1f} s, {total / first_refine:,.0f} rows/s",
            f"read and write the same rows: {plain.seconds:.1f} s",
            f"{first_refine / plain.seconds:.1f} times as long",
        ),
        Measure(
            f"ingest {total:,} rows",
            f"{first_ingest:.1f} s, {total / first_ingest:,.0f} rows/s",
            f"read and write the same rows: {plain.seconds:.1f} s",
            f"{first_ingest / plain.seconds:.1f} times as long",
        ),
        Measure(
            "ingest, refine and publish with nothing new",
            f"{second:.1f} s",
            f"the first run: {first:.1f} s",
            f"{second / first:.1%} of it",
        ),
    ]


def _run(spark: SparkSession, folder: Path) -> tuple[float, float, float]:
    checkpoints = str(folder / "checkpoints")
    with timed() as ingesting:
        ingest_landing(spark, _LAKE, _NAMES, str(folder / "landing"), checkpoints, Reader.FILES)
    with timed() as refining:
        refine(spark, _LAKE, checkpoints)
    with timed() as publishing:
        publish(spark, _LAKE)
    return ingesting.seconds, refining.seconds, publishing.seconds


def _land(landing: Path, entity: Entity, rows: int) -> None:
    """Write generated rows as the sink would, one file a chunk of the generator."""
    topic, start = _NAMES.topic(entity), 0
    folder = landing / "topics" / topic / "partition=0"
    folder.mkdir(parents=True)
    columns = [column.name for column in entity.source]
    for chunk in generate(entity, rows, seed=1):
        lines = "".join(f"{json_text(dict(zip(columns, row, strict=True)))}\n" for row in chunk)
        (folder / f"{topic}+0+{start:010d}.json").write_text(lines, encoding="utf-8")
        start += len(chunk)
