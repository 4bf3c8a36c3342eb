"""The ways to Spark, and its fixtures where tests use them: `make fast` runs without."""

from pathlib import Path

import pytest
from hypothesis import settings

from tests.support.workspace import CONNECT, WORKSPACE, lacking_of_a_workspace

WITHOUT_SPARK = {"unit", "bundle", "infrastructure"}
FIXTURES = "tests.support.spark_fixtures"
NOT_IN_A_WORKSPACE = {"tmp_path", "kinesis_url"}  # files and streams of this machine

# Hypothesis fails an example after 200 ms, which a busy machine can take for any.
settings.register_profile("without a deadline", deadline=None)
settings.load_profile("without a deadline")


def pytest_addoption(parser: pytest.Parser) -> None:
    ways = (CONNECT, WORKSPACE)
    parser.addoption("--spark", choices=ways, help="the way to Spark; by default it runs in the tests' own process")
    parser.addoption("--catalog", default="", help="where tests make schemas of their own, and drop them")


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


def pytest_collectstart(collector: pytest.Collector) -> None:
    """Load the fixtures once the tests of a folder are collected that needs them."""
    if collector.path.parent == Path(__file__).parent and collector.path.name not in WITHOUT_SPARK:
        collector.config.pluginmanager.import_plugin(FIXTURES)
