"""Fixtures that need Spark: one session a run, a fresh lake and fresh streams for a test."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.jobs import session as session_of_the_workspace
from pinterest_pipeline.lake.tables import Lake, create_tables
from tests.support.connect import connected_spark
from tests.support.emulators import moto_kinesis
from tests.support.streamed import Sender, only, sender
from tests.support.unmeasured import UNMEASURED
from tests.support.workspace import CONNECT, WORKSPACE
from tooling.local_cloud.kinesis import CREDENTIALS
from tooling.local_cloud.spark.session import CATALOG, local_spark


def workspace_spark() -> SparkSession:
    """Connect to the compute that the environment names."""
    import_module("databricks.connect").DatabricksSession.builder.getOrCreate()
    return session_of_the_workspace()


@pytest.fixture(scope="session")
def spark(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    way = pytestconfig.getoption("spark")
    if way == CONNECT:
        with connected_spark(tmp_path_factory.mktemp("warehouse"), tmp_path_factory.mktemp("logs")) as session:
            yield session
        return
    if way == WORKSPACE:
        yield workspace_spark()
        return
    with pytest.MonkeyPatch.context() as environment:
        # Spark's Python workers have the environment that its JVM was started in. The demo's are measured.
        for name, value in {**CREDENTIALS, **UNMEASURED}.items():
            environment.setenv(name, value)
        session = local_spark(tmp_path_factory.mktemp("warehouse"))
    yield session
    session.stop()


@pytest.fixture
def lake(spark: SparkSession, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    if marker := request.node.get_closest_marker("entities"):
        only(monkeypatch, *marker.args)
    lake = Lake(request.config.getoption("catalog") or CATALOG, f"lake_{uuid4().hex}")
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
