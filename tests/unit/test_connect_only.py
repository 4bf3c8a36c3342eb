"""What runs on Databricks knows only what Spark Connect has: there is no other way to Spark on serverless compute."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pinterest_pipeline

PACKAGE = Path(pinterest_pipeline.__file__).parent
CLASSIC_NAMES = {"sparkContext", "rdd", "newSession", "accumulator", "_jvm", "_jsc", "_jdf", "_sc", "_jsparkSession"}
NOT_ON_SERVERLESS = {"cache", "persist", "unpersist"}
CLASSIC_MODULES = ("py4j", "pyspark.core", "pyspark.accumulators", "pyspark.context", "pyspark.rdd")


def classic(code: str) -> Iterator[str]:
    """Yield what code uses that only a classic session has."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Attribute) and node.attr in CLASSIC_NAMES | NOT_ON_SERVERLESS:
            yield node.attr
        elif isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            yield from (name for name in names if name.startswith(CLASSIC_MODULES) or name == "pyspark.SparkContext")
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.startswith(CLASSIC_MODULES))


def test_nothing_that_runs_on_databricks_needs_a_classic_session() -> None:
    files = [*PACKAGE.rglob("*.py")]
    found = {str(file.relative_to(PACKAGE)): [*classic(file.read_text(encoding="utf-8"))] for file in files}
    assert {file: names for file, names in found.items() if names} == {}
    assert "jobs.py" in found


@pytest.mark.parametrize(
    "code",
    [
        "spark.sparkContext.parallelize([1])",
        "rows.cache()",
        "frame.rdd.map(str)",
        "from pyspark import SparkContext",
        "import py4j.java_gateway",
        "from pyspark.accumulators import Accumulator",
    ],
)
def test_what_only_a_classic_session_has_is_found(code: str) -> None:
    assert len([*classic(code)]) == 1
