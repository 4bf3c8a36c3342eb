"""What the package promises: every public name is exported, documented and described in its README."""

import inspect
from pathlib import Path

import pytest

import spark_kinesis
from spark_kinesis import errors

README = (Path(__file__).parents[3] / "packages" / "spark_kinesis" / "README.md").read_text(encoding="utf-8")
KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass)]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_is_exported_documented_and_of_the_one_base(kind: type[Exception]) -> None:
    assert issubclass(kind, spark_kinesis.KinesisSourceError)
    assert kind.__name__ in spark_kinesis.__all__
    assert kind.__doc__
    assert f"`{kind.__name__}`" in README


def test_what_is_not_exported_is_not_there() -> None:
    assert not hasattr(spark_kinesis, "Planner")
