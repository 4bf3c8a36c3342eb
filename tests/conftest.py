"""What tests of several rooms share: one Spark session a run, a fresh lake and fresh streams for a test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.local.kinesis import CREDENTIALS
from pinterest_pipeline.local.spark import CATALOG, local_spark
from pinterest_pipeline.tables import Lake, create_tables
from tests.integration.emulators import moto_kinesis
from tests.spark.streamed import Sender, only, sender


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    with pytest.MonkeyPatch.context() as environment:
        # Spark's Python workers have the environment that its JVM was started in.
        for name, value in CREDENTIALS.items():
            environment.setenv(name, value)
        session = local_spark(tmp_path_factory.mktemp("warehouse"))
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    if marker := request.node.get_closest_marker("entities"):
        only(monkeypatch, *marker.args)
    lake = Lake(CATALOG, f"lake_{uuid4().hex}")
    create_tables(spark, lake)
    yield lake
    spark.sql(f"DROP SCHEMA {lake.full_schema} CASCADE")


@pytest.fixture
def checkpoints(tmp_path: Path) -> str:
    return str(tmp_path / "checkpoints")


@pytest.fixture(scope="session")
def kinesis_url() -> Iterator[str]:
    with moto_kinesis() as url:
        yield url


@pytest.fixture
def sent(kinesis_url: str) -> Sender:
    """Who sends to three streams of the test's own."""
    return sender(kinesis_url)
