"""A drawing as HTML for a notebook's `displayHTML`.

The browser loads plotly.js, one pinned file that it checks. Inside each chart it would add megabytes to the notebook's
results.
"""

import json
from html import escape
from importlib.resources import files
from string import Template

from pinterest_pipeline.publish.charts.drawings import Drawing

PLOTLY = "https://cdn.plot.ly/plotly-4.1.1.min.js"
"""plotly.js, in the version that the report embeds."""
INTEGRITY = "sha256-O24V1F27f8pb0glCkelh3cVHLNiHAJ5gCaVtq2aNch8="

_EMPTY = "<p>No rows.</p>"


def html(drawing: Drawing | None) -> str:
    """Return a drawing as HTML that stands alone; a sentence where there is none.

    Args:
        drawing: What to show; its texts may hold any character.
    """
    if drawing is None:
        return _EMPTY
    return Template(_text("fragment.html")).substitute(
        colours=colours(),
        script=script(),
        plotly=PLOTLY,
        integrity=INTEGRITY,
        measure=escape(drawing.measure),
        finding=escape(drawing.finding),
        note=escape(drawing.note),
        height=drawing.chart.height,
        figure=_inside_a_script(drawing.chart.figure),
    )


def colours() -> str:
    """Return the colours and the font that charts refer to, as CSS, for light and for dark."""
    return _text("colours.css")


def script() -> str:
    """Return the script that draws every chart of a page once plotly.js is loaded."""
    return _text("draw.js")


def _text(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")


def _inside_a_script(value: object) -> str:
    """Return the value as JSON that cannot end the script element that it stands in."""
    return json.dumps(value).replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
