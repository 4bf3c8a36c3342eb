"""Charts of the answers and of the pipeline's health, for the report and for notebooks.

A chart is plain values for plotly.js, which the browser runs: no package that draws is needed where this runs, be it a
cluster, serverless compute or a laptop.
"""

from pinterest_pipeline.publish.charts.drawings import ANSWER_DRAWERS, MOST_BARS, Drawing, Rows
from pinterest_pipeline.publish.charts.fragment import html
from pinterest_pipeline.publish.charts.health import HEALTH_DRAWERS

__all__ = ["MOST_BARS", "Drawing", "Rows", "draw", "html"]


def draw(name: str, rows: Rows) -> Drawing | None:
    """Return the drawing of a result, None where it has no rows.

    Args:
        name: An answer, or a measure of health that is drawn.
        rows: Its rows, in the order of its columns.
    """
    measure, drawer = {**ANSWER_DRAWERS, **HEALTH_DRAWERS}[name]
    return drawer(measure, rows) if rows else None
