"""Streams of a test's own on an emulated Kinesis, and records for them."""

import json
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES, Entity, Names
from pinterest_pipeline.ingest import files as landing
from pinterest_pipeline.ingest.kinesis import Streams
from pinterest_pipeline.lake import tables
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.maintenance import erasure, upkeep
from pinterest_pipeline.publish import publishing, sharing
from pinterest_pipeline.refine import backfill, live
from pinterest_pipeline.refine import merging as refining
from tests.support.emulators import kinesis_client, make_stream
from tests.support.reading import rows, version
from tooling.local_cloud.kinesis import REGION

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient


@dataclass(frozen=True)
class Sender:
    """Sends records to streams that no other test knows, as the API does.

    Attributes:
        client: Where they are sent.
        streams: The same streams for those who read them.
    """

    client: "KinesisClient"
    streams: Streams

    def send(self, entity: Entity, *records: dict[str, Any] | str | bytes) -> None:
        """Send records in order; a text or bytes as they stand."""
        for record in records:
            data = json.dumps(record) if isinstance(record, dict) else record
            key = str(record[entity.key]) if isinstance(record, dict) else "0"
            self.client.put_record(StreamName=self.streams.names.stream(entity), Data=data, PartitionKey=key)


def sender(endpoint: str, names: Names | None = None, shards: int = 2) -> Sender:
    """Make a stream for each entity and return who sends to them."""
    client, names = kinesis_client(endpoint), names or Names(f"test-{uuid4().hex[:12]}")
    for entity in ENTITIES:
        make_stream(client, names.stream(entity), shards)
    return Sender(client, Streams(names, region=REGION, endpoint=endpoint))


def only(monkeypatch: pytest.MonkeyPatch, *entities: Entity) -> None:
    """Run the stages for some entities: the others are the same code, and each costs its commits."""
    for module in (backfill, erasure, landing, live, publishing, refining, sharing, tables, upkeep):
        monkeypatch.setattr(module, "ENTITIES", entities)


def versions(spark: SparkSession, lake: Lake, entity: Entity) -> list[int]:
    """Return the version of every table of an entity, and of the table of runs."""
    names = (lake.raw(entity), lake.clean(entity), lake.quarantine(entity), lake.runs)
    return [version(spark, name) for name in names]


def runs(spark: SparkSession, lake: Lake, stage: str) -> list[dict[str, Any]]:
    """Return what the table of runs holds of a stage."""
    return rows(spark, lake.runs, f"stage = '{stage}'")


def clean(spark: SparkSession, lake: Lake, entity: Entity) -> list[dict[str, Any]]:
    """Return the declared columns of the clean table, by key."""
    found = sorted(rows(spark, lake.clean(entity)), key=itemgetter("ind"))
    return [{column.name: row[column.name] for column in entity.clean} for row in found]
