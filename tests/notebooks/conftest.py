"""The schema that the notebooks fill, once for all tests of this folder."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES, USER
from pinterest_pipeline.lake.tables import Lake
from tests.support.landed import NAMES, keyed, land
from tests.support.notebook_runner import Page, run
from tests.support.stand_ins import DbUtils, FileSystem, Secrets, Widgets
from tests.support.streamed import Sender, sender
from tooling.local_cloud.spark.session import CATALOG

KEYS = {("aws", "aws-access-key-id"): "AKIAOFTHETEST", ("aws", "aws-secret-access-key"): "hidden-of-the-test"}
IN_ORDER = ("set_up", "ingest", "refine", "publish", "explore", "stream")


@dataclass(frozen=True)
class Workspace:
    """A schema, three valid posts and one invalid record; notebooks run in it in the order of the stages."""

    spark: SparkSession
    folder: Path
    sent: Sender
    lake: Lake = field(default_factory=lambda: Lake(CATALOG, f"notebooks_{uuid4().hex}"))

    def open(self, name: str, fs: FileSystem | None = None, **typed: str) -> Page:
        """Run a notebook with this schema in its widgets, and other values that a user would enter."""
        place = {"catalog": self.lake.catalog, "schema": self.lake.schema, "prefix": NAMES.prefix, "reader": "files"}
        place |= {"region": self.sent.streams.region, "endpoint": self.sent.streams.endpoint}
        place |= {part: str(self.folder / part) for part in ("landing", "checkpoints")}
        dbutils = DbUtils(fs or FileSystem(), Secrets(KEYS), Widgets(place | typed))
        return run(name, self.spark, dbutils, self.folder)


@pytest.fixture(scope="package")
def workspace(spark: SparkSession, kinesis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workspace]:
    workspace = Workspace(spark, tmp_path_factory.mktemp("workspace"), sender(kinesis_url, NAMES))
    for entity in ENTITIES:
        land(workspace.folder / "landing", entity, 0, *(keyed(entity, key) for key in range(3)))
        workspace.sent.send(entity, *(keyed(entity, key) for key in range(2, 6)))
    land(workspace.folder / "landing", USER, 3, "no JSON")
    yield workspace
    spark.sql(f"DROP SCHEMA IF EXISTS {workspace.lake.full_schema} CASCADE")


@pytest.fixture(scope="package")
def pages(workspace: Workspace) -> dict[str, Page]:
    """Every notebook, run once, one after the other."""
    return {name: workspace.open(name) for name in IN_ORDER}
