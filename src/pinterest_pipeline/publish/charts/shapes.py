"""The few kinds of chart that pages draw, as plotly.js figures: plain values that go into a page as JSON.

Colours and fonts are names of CSS variables, so that a chart follows the page's light or dark theme. plotly.js
renders some HTML in texts, so every text from data is escaped here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import escape

from pinterest_pipeline.publish.charts.wording import number, shorten

Json = Mapping[str, object]
Cells = Sequence[Sequence[float | None]]

_BAR, _ROW, _LEGEND = 28, 34, 44  # pixels of height
_COLUMNS_HEIGHT = 280
_CHARACTER = 9
_MARGIN: Json = {"l": 4, "r": 8, "t": 8, "b": 8}
_MAX_LABEL = 22  # characters; leaves room for the bars on a phone
_MAX_NAMES = 10  # below an axis; more would overlap
_HALF_AN_HOUR = timedelta(minutes=30)
_HEADROOM = 1.15  # above the highest column, for its number


@dataclass(frozen=True)
class Chart:
    """One drawn chart.

    Attributes:
        traces: What plotly.js draws.
        layout: Its axes, legend and fonts.
        height: Pixels.
    """

    traces: Sequence[Json]
    layout: Json
    height: int

    @property
    def figure(self) -> Json:
        """The chart in the form that plotly.js reads."""
        return {"data": self.traces, "layout": {**_base(), **self.layout, "height": self.height}}


@dataclass(frozen=True)
class Bar:
    """One bar: its name, its length and the text on it; `about` is the text on hovering."""

    name: str
    value: float
    text: str
    about: str


@dataclass(frozen=True)
class Series:
    """Values of one colour, one for each name along the axis; None for a missing value."""

    name: str
    values: Sequence[float | None]
    colour: str


@dataclass(frozen=True)
class Line:
    """One line of one colour through points (time, value) in the order of time."""

    name: str
    points: Sequence[tuple[float | str, float]]
    colour: str
    dashed: bool = False


def css(variable: str) -> Json:
    """Return a reference to a CSS variable; the page replaces it with the variable's value before it draws."""
    return {"css": f"--{variable}"}


def rows_of_bars(bars: Sequence[Bar]) -> Chart:
    """Draw horizontal bars from the top down, in the given order; a text longer than its bar extends past it."""
    trace = {
        "type": "bar",
        "orientation": "h",
        "x": [bar.value for bar in bars],
        "y": list(range(len(bars))),
        "text": [_text(bar.text) for bar in bars],
        "textposition": "inside",
        "insidetextanchor": "start",
        "constraintext": "none",
        "textangle": 0,
        "insidetextfont": {"color": css("ink"), "size": 12},
        "cliponaxis": False,
        "marker": {"color": css("bar")},
        "customdata": [_text(bar.about) for bar in bars],
        "hovertemplate": "%{customdata}<extra></extra>",
    }
    layout = {
        **_bars(),
        "xaxis": _length_axis([bar.value for bar in bars]),
        "yaxis": _name_rows([bar.name for bar in bars]),
    }
    return Chart([trace], layout, len(bars) * _BAR + 16)


def stacked_rows(names: Sequence[str], series: Sequence[Series]) -> Chart:
    """Draw one horizontal bar for each name, stacked from the series, with the sum after it."""
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": _text(each.name),
            "x": each.values,
            "y": list(range(len(names))),
            "marker": {"color": css(each.colour), "line": {"color": css("page"), "width": 1}},
            "customdata": [_text(f"{name}, {each.name}") for name in names],
            "hovertemplate": "%{customdata}: %{x:,}<extra></extra>",
        }
        for each in series
    ]
    sums = [sum(filter(None, values)) for values in zip(*(each.values for each in series), strict=True)]
    layout = {
        "barmode": "stack",
        "bargap": 0.3,
        "margin": {**_MARGIN, "r": _CHARACTER * max(len(number(total)) for total in sums)},
        "xaxis": _length_axis(sums),
        "yaxis": _name_rows(names),
        "annotations": [
            {"x": total, "y": row, "text": number(total), "xanchor": "left", "xshift": 4, "showarrow": False}
            for row, total in enumerate(sums)
        ],
        **_legend(),
    }
    return Chart(traces, layout, len(names) * _ROW + _LEGEND)


def columns(names: Sequence[str], values: Sequence[float]) -> Chart:
    """Draw one column for each name, with its value on top."""
    trace = {
        "type": "bar",
        "x": _escaped(names),
        "y": values,
        "text": [number(value) for value in values],
        "textposition": "outside",
        "outsidetextfont": {"color": css("ink")},
        "cliponaxis": False,
        "marker": {"color": css("bar")},
        "hovertemplate": "%{x}: %{text}<extra></extra>",
    }
    layout = {**_bars(0.55), "xaxis": _names_below(), "yaxis": _length_axis(values, _HEADROOM)}
    return Chart([trace], layout, _COLUMNS_HEIGHT)


def grouped_columns(names: Sequence[str], series: Sequence[Series]) -> Chart:
    """Draw the series' columns side by side for each name, with a value axis."""
    traces = [
        {
            "type": "bar",
            "name": _text(each.name),
            "x": _escaped(names),
            "y": each.values,
            "marker": {"color": css(each.colour)},
            "customdata": [_text(f"{name}, {each.name}") for name in names],
            "hovertemplate": "%{customdata}: %{y:,.1~f}<extra></extra>",
        }
        for each in series
    ]
    layout = {**_bars(), "bargroupgap": 0.12, "xaxis": _names_below(), "yaxis": _scale(), **_legend()}
    return Chart(traces, layout, _COLUMNS_HEIGHT + _LEGEND)


def lines(series: Sequence[Line], unit: str, *, clock: bool = False) -> Chart:
    """Draw lines over the seconds of a run or over dates; the value axis starts at zero.

    Args:
        series: The lines.
        unit: Follows a value in the text on hovering, such as `s`.
        clock: Whether the times are ISO dates instead of seconds.
    """
    at = "%{x|%b %-d, %H:%M}" if clock else "after %{x:.0f} s"
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": _text(line.name),
            "x": [at for at, _ in line.points],
            "y": [value for _, value in line.points],
            "line": {"color": css(line.colour), "width": 2, "dash": "dot" if line.dashed else "solid"},
            "marker": {"size": 5},
            "hovertemplate": f"{_text(line.name)}: %{{y:,.1~f}} {_text(unit)} {at}<extra></extra>",
        }
        for line in series
    ]
    times = _clock([str(at) for line in series for at, _ in line.points]) if clock else _seconds()
    across = {**_quiet_axis(), "showgrid": False, "nticks": 7, "ticklabelstandoff": 6, **times}
    return Chart(traces, {"xaxis": across, "yaxis": _scale(), **_legend()}, _COLUMNS_HEIGHT + _LEGEND)


def heat_map(across: Sequence[str], down: Sequence[str], cells: Cells) -> Chart:
    """Draw a grid of numbers; a larger number has a stronger colour, a cell without one stays empty.

    Args:
        across: Names of the grid's columns.
        down: Names of its rows, from the top.
        cells: One row of numbers for each name in `down`.
    """
    trace = {
        "type": "heatmap",
        "x": _escaped(across),
        "y": list(range(len(down))),
        "z": cells,
        "colorscale": [[0, css("heat-low")], [1, css("heat-high")]],
        "showscale": False,
        "textfont": {"color": css("ink")},
        "xgap": 3,
        "ygap": 3,
        "texttemplate": "%{z:,}",
        "customdata": [[_text(f"{name}, {column}") for column in across] for name in down],
        "hovertemplate": "%{customdata}: %{z:,}<extra></extra>",
        "hoverongaps": False,
    }
    layout = {"xaxis": {**_names_below(), "side": "top"}, "yaxis": _name_rows(down)}
    return Chart([trace], layout, len(down) * _BAR + _LEGEND)


def _base() -> Json:
    """Return the layout that all charts share: no background, and no dragging, which would block touch scrolling."""
    return {
        "autosize": True,
        "dragmode": False,
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "margin": _MARGIN,
        "font": {"family": css("font"), "size": 13, "color": css("ink")},
        "hoverlabel": {
            "bgcolor": css("surface"),
            "bordercolor": css("line"),
            "font": {"family": css("font"), "size": 13, "color": css("ink")},
            "align": "left",
        },
    }


def _quiet_axis() -> Json:
    return {"fixedrange": True, "automargin": True, "showline": False, "zeroline": False, "ticks": ""}


def _bars(gap: float = 0.3) -> Json:
    return {"bargap": gap, "barcornerradius": 3}


def _length_axis(values: Sequence[float], room: float = 1) -> Json:
    """Return a hidden axis from zero: each bar shows its number."""
    return {"visible": False, "fixedrange": True, "range": [0, (max(values, default=0) or 1) * room]}


def _seconds() -> Json:
    return {"ticksuffix": " s", "rangemode": "tozero"}


def _clock(times: Sequence[str]) -> Json:
    """Return an axis of dates from half an hour before the first to half an hour after the last."""
    timestamps = [datetime.fromisoformat(time) for time in times]
    return {
        "type": "date",
        "range": [(min(timestamps) - _HALF_AN_HOUR).isoformat(), (max(timestamps) + _HALF_AN_HOUR).isoformat()],
    }


def _scale() -> Json:
    return {"tickformat": "~s", "gridcolor": css("grid"), "rangemode": "tozero", "nticks": 5, **_quiet_axis()}


def _name_rows(names: Sequence[str]) -> Json:
    """Return an axis of names from the top down; by position, since two names may be the same once shortened."""
    return {
        **_quiet_axis(),
        "showgrid": False,
        "range": [len(names) - 0.5, -0.5],
        "tickvals": list(range(len(names))),
        "ticktext": [_text(name, _MAX_LABEL) for name in names],
        "ticklabelstandoff": 8,
    }


def _names_below() -> Json:
    return {**_quiet_axis(), "type": "category", "nticks": _MAX_NAMES, "showgrid": False, "ticklabelstandoff": 6}


def _legend() -> Json:
    legend = {"orientation": "h", "x": 0, "y": 1, "yanchor": "bottom", "xanchor": "left", "traceorder": "normal"}
    return {"showlegend": True, "legend": {**legend, "itemclick": False, "itemdoubleclick": False}}


def _escaped(names: Sequence[str]) -> list[str]:
    return [_text(name) for name in names]


def _text(text: str, longest: int = 0) -> str:
    return escape(shorten(text, longest) if longest else text, quote=False)
