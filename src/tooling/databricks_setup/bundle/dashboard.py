"""Generates the dashboard's file from the declared answers: a page of answers and a page of the pipeline's health.

The format is the one that a workspace exports (`.lvdash.json`); there is no published schema of it. The queries name
tables without catalog and schema, which the bundle sets once for all of them.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.health import HEALTH

Tree = dict[str, Any]

COLUMNS = 6
"""Width of the grid of widgets."""
_HEIGHT = 6


@dataclass(frozen=True)
class Chart:
    """The chart of a widget.

    Attributes:
        kind: `bar` or `line`.
        x: Column of the horizontal axis.
        y: Column of the vertical axis.
        color: Column of the series.
        time: Whether `x` is a time.
    """

    kind: str
    x: str
    y: str
    color: str | None = None
    time: bool = False


@dataclass(frozen=True)
class Panel:
    """One query and its widget.

    Attributes:
        name: Name of both, unique in the dashboard.
        title: The widget's title.
        lines: The query.
        columns: The query's columns in order.
        chart: Its chart; None for a table.
        width: Columns of the grid.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    columns: tuple[str, ...]
    chart: Chart | None = None
    width: int = 3


CHARTS: Mapping[str, Chart] = {
    "q2a_posts_by_year_and_category": Chart("bar", "post_year", "category_count", "category"),
    "q4_popular_category_by_age_group": Chart("bar", "age_group", "category_count", "category"),
    "q5_median_followers_by_age_group": Chart("bar", "age_group", "median_follower_count"),
    "q6_users_joined_by_year": Chart("bar", "post_year", "number_users_joined"),
    "q7_median_followers_by_joining_year": Chart("bar", "post_year", "median_follower_count"),
    "q8_median_followers_by_joining_year_and_age_group": Chart(
        "bar", "post_year", "median_follower_count", "age_group"
    ),
}
"""The charts of answers; the other answers are tables of names."""

HEALTH_CHARTS: Mapping[str, Chart] = {
    "rows_by_day": Chart("bar", "day", "rows_read", "entity", time=True),
    "stream_latency": Chart("line", "hour", "latency_p99_seconds", "entity", time=True),
}
"""The charts of health; other measures are tables."""

_WIDE = {"last_runs"}


def answers() -> Iterator[Panel]:
    """Yield a panel for each answer."""
    for answer in ANSWERS:
        query = (f"SELECT {', '.join(answer.columns)}", f"FROM {answer.name}")
        yield Panel(answer.name, answer.title, query, answer.columns, CHARTS.get(answer.name))


def health() -> Iterator[Panel]:
    """Yield a panel for each measure of the pipeline's health."""
    for measure in HEALTH:
        lines = tuple(measure.query().splitlines())
        width = COLUMNS if measure.name in _WIDE else COLUMNS // 2
        yield Panel(measure.name, measure.title, lines, measure.columns, HEALTH_CHARTS.get(measure.name), width)


def dashboard() -> str:
    """Return the dashboard as the file holds it."""
    pages = {"Answers": tuple(answers()), "Health": tuple(health())}
    tree = {
        "datasets": [_dataset(panel) for panels in pages.values() for panel in panels],
        "pages": [
            {"name": title.lower(), "displayName": title, "pageType": "PAGE_TYPE_CANVAS", "layout": _layout(panels)}
            for title, panels in pages.items()
        ],
    }
    return json.dumps(tree, indent=2) + "\n"


def _dataset(panel: Panel) -> Tree:
    # Each line keeps its line break: the format joins them without one.
    return {"name": panel.name, "displayName": panel.title, "queryLines": [f"{line}\n" for line in panel.lines]}


def _layout(panels: Iterable[Panel]) -> list[Tree]:
    """Place the widgets row by row, each where it still fits."""
    layout, x, y = [], 0, 0
    for panel in panels:
        if x + panel.width > COLUMNS:
            x, y = 0, y + _HEIGHT
        layout.append({"widget": _widget(panel), "position": {"x": x, "y": y, "width": panel.width, "height": _HEIGHT}})
        x += panel.width
    return layout


def _widget(panel: Panel) -> Tree:
    fields = [{"name": column, "expression": f"`{column}`"} for column in panel.columns]
    query = {"datasetName": panel.name, "fields": fields, "disaggregated": True}
    frame = {"showTitle": True, "title": panel.title}
    spec = _table(panel.columns) if panel.chart is None else _chart(panel.chart)
    return {
        "name": panel.name,
        "queries": [{"name": "main_query", "query": query}],
        "spec": {**spec, "frame": frame},
    }


def _table(columns: Iterable[str]) -> Tree:
    shown = [{"fieldName": column, "displayName": _heading(column)} for column in columns]
    return {"version": 2, "widgetType": "table", "encodings": {"columns": shown}}


def _chart(chart: Chart) -> Tree:
    encodings = {
        "x": _encoding(chart.x, "temporal" if chart.time else "categorical"),
        "y": _encoding(chart.y, "quantitative"),
    }
    if chart.color:
        encodings["color"] = _encoding(chart.color, "categorical")
    return {"version": 3, "widgetType": chart.kind, "encodings": encodings}


def _encoding(column: str, scale: str) -> Tree:
    return {"fieldName": column, "scale": {"type": scale}, "displayName": _heading(column)}


def _heading(column: str) -> str:
    return column.replace("_", " ")
