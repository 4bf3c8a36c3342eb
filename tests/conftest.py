"""What tests of several rooms share: one Spark session a run, a fresh lake and fresh streams for a test."""

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.lake.tables import Lake, create_tables
from tests.support.connect import connected_spark
from tests.support.emulators import moto_kinesis
from tests.support.streamed import Sender, only, sender
from tests.support.workspace import lacking_of_a_workspace, workspace_spark
from tooling.local_cloud.kinesis import CREDENTIALS
from tooling.local_cloud.spark.session import CATALOG, local_spark

CONNECT, WORKSPACE = "connect", "workspace"
NOT_IN_A_WORKSPACE = {"tmp_path", "kinesis_url"}  # files and streams of this machine


def pytest_addoption(parser: pytest.Parser) -> None:
    ways = (CONNECT, WORKSPACE)
    parser.addoption("--spark", choices=ways, help="the way to Spark; by default it runs in the tests' own process")
    parser.addoption("--catalog", default=CATALOG, help="where tests make schemas of their own, and drop them")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("spark") == WORKSPACE and (lacking := lacking_of_a_workspace()):
        raise pytest.UsageError(lacking)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what uses no Spark where a way to it is chosen, and what the Spark of a workspace cannot reach."""
    way = config.getoption("spark")
    if way is None:
        return
    fixtures = {item: set(getattr(item, "fixturenames", ())) for item in items}
    kept = [item for item in items if "spark" in fixtures[item]]
    if way == WORKSPACE:
        kept = [item for item in kept if not fixtures[item] & NOT_IN_A_WORKSPACE]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


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
    lake = Lake(request.config.getoption("catalog"), f"lake_{uuid4().hex}")
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
