"""The task that gives the days of a range to the task that runs for each of them."""

import sys
from types import ModuleType, SimpleNamespace

import pytest

from pinterest_pipeline import jobs, tasks
from pinterest_pipeline.errors import StageError


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """The values that tasks gave; a stand-in for the utilities of Databricks' runtime keeps them."""
    values: dict[str, object] = {}
    kept = SimpleNamespace(set=lambda key, value: values.update({key: value}))
    utilities = SimpleNamespace(jobs=SimpleNamespace(taskValues=kept))
    module = ModuleType("pyspark.dbutils")
    vars(module)["DBUtils"] = lambda _spark: utilities
    monkeypatch.setitem(sys.modules, "pyspark.dbutils", module)
    monkeypatch.setattr(jobs, "session", lambda: None)
    return values


def test_a_range_of_days_is_every_day_of_it(given: dict[str, object]) -> None:
    tasks.days(["--first=2024-02-28", "--last=2024-03-01"])
    assert given == {"days": ["2024-02-28", "2024-02-29", "2024-03-01"]}


def test_a_range_that_ends_before_it_begins_is_refused(given: dict[str, object]) -> None:
    with pytest.raises(StageError, match="got 2024-03-02 and 2024-03-01"):
        tasks.days(["--first=2024-03-02", "--last=2024-03-01"])
    assert given == {}
