"""Records and sink files for tests of the Spark stages."""

import json
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.tables import Lake, Origin
from pinterest_pipeline.refine.merging import refine

NAMES = Names("test-0001")

_GOOD: dict[str, dict[str, Any]] = {
    "pin": {
        "index": 1,
        "unique_id": "5f3b1c1e-0000-4000-8000-000000000001",
        "title": "A shelf of oak",
        "description": "How to build a shelf in a weekend.",
        "poster_name": "Wood Works",
        "follower_count": "217k",
        "tag_list": "Wood,Shelf,Oak",
        "is_image_or_video": "image",
        "image_src": "https://images.example/1.jpg",
        "downloaded": 1,
        "save_location": "Local save in /data/home-decor",
        "category": "home-decor",
    },
    "geo": {
        "ind": 1,
        "timestamp": "2018-08-24 07:56:22",
        "latitude": 10.5,
        "longitude": -20.25,
        "country": "Norway",
    },
    "user": {
        "ind": 1,
        "first_name": "Ada",
        "last_name": "Berg",
        "age": 36,
        "date_joined": "2016-01-31 23:59:59",
    },
}


def record(entity: Entity, **changes: object) -> dict[str, Any]:
    """Return a good record of the entity with some fields changed."""
    return _GOOD[entity.name] | changes


def keyed(entity: Entity, key: int, **changes: object) -> dict[str, Any]:
    """Return a good record of the entity with this key and some fields changed."""
    return record(entity, **{entity.key: key}, **changes)


def land(landing: Path, entity: Entity, start: int, *records: dict[str, Any] | str) -> Path:
    """Write one file as the sink does; a text stands in its line as it is."""
    topic = NAMES.topic(entity)
    path = landing / "topics" / topic / "partition=0" / f"{topic}+0+{start:010d}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [line if isinstance(line, str) else json.dumps(line) for line in records]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return path


def bring_in(spark: SparkSession, lake: Lake, landing: Path, checkpoints: str, reader: Reader = Reader.FILES) -> None:
    """Ingest and refine all landed files; entities without files get an empty folder."""
    for entity in ENTITIES:
        (landing / "topics" / NAMES.topic(entity)).mkdir(parents=True, exist_ok=True)
    ingest_landing(spark, lake, NAMES, str(landing), checkpoints, reader)
    refine(spark, lake, checkpoints, Origin.S3)


def mend(spark: SparkSession, lake: Lake, entity: Entity, wrong: str, right: str) -> None:
    """Correct the text of the records in quarantine, as a person would."""
    table = lake.quarantine(entity)
    mended = spark.table(table).withColumn("payload", sf.replace("payload", sf.lit(wrong), sf.lit(right)))
    mended.write.format("delta").mode("overwrite").saveAsTable(table)
