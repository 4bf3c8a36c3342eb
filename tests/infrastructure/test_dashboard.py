"""The dashboard as deployed to CloudWatch: JSON, with the metrics of alarms and of arriving records."""

import json
import re
from typing import Any

import pytest

from tests.infrastructure.rules import template

VALUES = {"Prefix": "test", "Stage": "test", "AWS::Region": "eu-west-1", "ClusterName": "c", "ConnectorName": "s"}


def body(batch: bool) -> dict[str, Any]:
    """Return the dashboard's content, with or without a batch half."""
    text, inner = template("streams").resources["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    condition, some, none = inner["Batch"]["Fn::If"]
    assert (condition, none) == ("HasKafka", "")
    values = {**VALUES, **{f"{name}Stream": name for name in ("Pin", "Geo", "User")}}
    whole = text.replace("${Batch}", some["Fn::Sub"] if batch else "")
    found: dict[str, Any] = json.loads(re.sub(r"\$\{([\w:]+)\}", lambda one: values[one[1]], whole))
    return found


@pytest.mark.parametrize(("batch", "count"), [(False, 6), (True, 10)])
def test_it_is_json_and_no_widget_covers_another(batch: bool, count: int) -> None:
    widgets = body(batch)["widgets"]
    assert len({(one["x"], one["y"]) for one in widgets}) == len(widgets) == count
    assert {one["properties"]["region"] for one in widgets} == {"eu-west-1"}


def test_it_shows_what_the_alarms_watch() -> None:
    shown = json.dumps(body(batch=True))
    for metric in (
        "5XXError",
        "Latency",
        "IteratorAge",
        "ReadProvisioned",
        "CpuIdle",
        "EstimatedMaxTimeLag",
        "Errored",
    ):
        assert metric in shown
    assert '"Consumer Group"="connect-s"' in shown.replace("\\", "")
