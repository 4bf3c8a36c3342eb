"""Refine against a plain read and write of the same rows, a run with nothing new against the first, and small work."""

import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from pyspark.sql import SparkSession

from benchmarks.measure import Measure, alone, timed
from pinterest_pipeline.entities import ENTITIES, PIN, Entity, Names
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.tables import Lake, Origin, create_tables
from pinterest_pipeline.post.records import json_text
from pinterest_pipeline.publish.publishing import publish
from pinterest_pipeline.refine.merging import refine
from tooling.demo.sample_data.generator import generate
from tooling.local_cloud.spark.engine import LARGE_WORK, SMALL_WORK, EngineProfile
from tooling.local_cloud.spark.session import CATALOG, local_spark

_NAMES = Names("bench")
_WARM_UP_ROWS = 1_000
_SMALL_ROWS = 2_000


@dataclass(frozen=True)
class _Pass:
    """One lake of its own, with files that have landed for it."""

    spark: SparkSession
    lake: Lake
    folder: Path

    def stages(self) -> tuple[float, float, float]:
        """Run ingest, refine and publish; return the seconds each took."""
        checkpoints = str(self.folder / "checkpoints")
        with timed() as ingesting:
            ingest_landing(self.spark, self.lake, _NAMES, str(self.folder / "landing"), checkpoints, Reader.FILES)
        with timed() as refining:
            refine(self.spark, self.lake, checkpoints, Origin.S3)
        with timed() as publishing:
            publish(self.spark, self.lake, checkpoints)
        return ingesting.seconds, refining.seconds, publishing.seconds

    def copy(self) -> float:
        """Read every raw table and write it elsewhere; return the seconds that took."""
        with timed() as copying:
            for entity in ENTITIES:
                table = self.spark.table(self.lake.raw(entity))
                table.write.format("delta").saveAsTable(self.lake.table(f"{entity.name}_copy"))
        return copying.seconds


def measure(folder: Path, rows: int) -> list[Measure]:
    """Run every stage on landed rows, then once more without new rows.

    Everything runs once on few rows before, so that no figure holds the start of the JVM.

    Args:
        folder: Where files and tables are kept.
        rows: Pins; geo and user have a tenth, since the yardstick is about pins.
    """
    spark = local_spark(folder / "lake", folder / "spark.log", LARGE_WORK)
    warm_up = _prepare(spark, folder, "warm_up", _WARM_UP_ROWS)
    warm_up.stages()
    warm_up.copy()
    found = _prepare(spark, folder, "bench", rows)
    ingested, refined, published = found.stages()
    copied = found.copy()
    first, second = ingested + refined + published, sum(found.stages())
    total = sum(spark.table(found.lake.clean(entity)).count() for entity in ENTITIES)
    spark.stop()
    yardstick = f"read and write the same rows: {copied:.1f} s"
    return [
        Measure(
            f"refine {total:,} rows ({rows:,} of them pins)",
            f"{refined:.1f} s, {total / refined:,.0f} rows/s",
            yardstick,
            f"{refined / copied:.1f} times as long",
        ),
        Measure(
            f"ingest {total:,} rows",
            f"{ingested:.1f} s, {total / ingested:,.0f} rows/s",
            yardstick,
            f"{ingested / copied:.1f} times as long",
        ),
        Measure(
            "ingest, refine and publish with nothing new",
            f"{second:.1f} s",
            f"the first run: {first:.1f} s",
            f"{second / first:.1%} of it",
        ),
    ]


def measure_small_work(folder: Path) -> Measure:
    """Run the batch half on few rows in a new session, with the engine for small work and with the other one.

    Args:
        folder: Where files and tables are kept.
    """
    small, large = (
        alone(_processor_seconds, folder / name, engine)
        for name, engine in (("small", SMALL_WORK), ("large", LARGE_WORK))
    )
    return Measure(
        f"batch half of {_SMALL_ROWS:,} rows a table in a new session, engine for small work",
        f"{small:.0f} processor seconds",
        f"Spark's defaults: {large:.0f} processor seconds",
        f"{small / large:.0%} of it",
    )


def _processor_seconds(folder: Path, engine: EngineProfile) -> float:
    """Return what the batch half takes in this process and its JVM, from the start of the session on."""
    for entity in ENTITIES:
        _land(folder / "landing", entity, _SMALL_ROWS)
    before = time.process_time()
    spark = local_spark(folder / "lake", folder / "spark.log", engine)
    found = _Pass(spark, Lake(CATALOG, "small"), folder)
    create_tables(spark, found.lake)
    found.stages()
    here = psutil.Process()
    used = sum(sum(process.cpu_times()[:2]) for process in (here, *here.children(recursive=True)))
    spark.stop()
    return used - before


def _prepare(spark: SparkSession, folder: Path, name: str, rows: int) -> _Pass:
    prepared = _Pass(spark, Lake(CATALOG, name), folder / name)
    create_tables(spark, prepared.lake)
    for entity in ENTITIES:
        _land(prepared.folder / "landing", entity, rows if entity is PIN else rows // 10)
    return prepared


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
