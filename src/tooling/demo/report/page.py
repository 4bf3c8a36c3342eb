"""The page: renders a report to HTML and writes it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from plotly.offline import get_plotlyjs

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import replacing
from pinterest_pipeline.publish.charts import Drawing, draw, fragment, wording
from pinterest_pipeline.publish.charts.shapes import Bar, Chart, Series, rows_of_bars, stacked_rows
from tooling.demo.report.latency_chart import draw_stream
from tooling.demo.report.model import AnswerRows, Flow, Report

_ENTITY_COLOURS = ("entity-1", "entity-2", "entity-3")
_TILES = {"source": "rows in the source", "clean": "clean rows", "quarantined": "rows in quarantine"}


@dataclass(frozen=True)
class _Part:
    """One answer on the page: its rows, and its drawing where there are any."""

    content: AnswerRows
    drawing: Drawing | None


def render(report: Report) -> str:
    """Return the report as one HTML page that loads nothing: styles, plotly.js and data are all inside.

    Args:
        report: What to show; its texts may hold any character.
    """
    environment = Environment(
        loader=PackageLoader(__package__), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters |= {
        "cell": wording.cell,
        "duration": wording.duration,
        "heading": wording.heading,
        "number": wording.number,
    }
    environment.tests["number_column"] = wording.is_number
    return environment.get_template("page.html").render(
        report=report,
        no_value=wording.NO_VALUE,
        entities=_entities(report.flows),
        tiles=[(flow.rows, _TILES[flow.stage]) for flow in report.flows if flow.stage in _TILES],
        broken=[check for check in report.checks if not check.holds],
        flow_chart=_draw_flows(report.flows),
        time_chart=_draw_times(report.times),
        colours=fragment.colours(),
        draw_charts=fragment.script(),
        slowest=max(report.times, key=lambda name: report.times[name], default=None),
        stream=draw_stream(report.stream, _colours(report.flows)) if report.stream else {},
        parts=[_Part(answer, draw(answer.answer.name, answer.rows)) for answer in report.answers],
        plotly=get_plotlyjs(),
    )


def write_report(report: Report, path: Path) -> None:
    """Write the page; readers find the old page or the new one, never a part.

    Raises:
        SettingsError: The file cannot be written.
    """
    page = render(report)
    try:
        with replacing(path) as draft:
            draft.write_text(page, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write the report {path}: {error.strerror}; choose another folder") from error


def _entities(flows: Sequence[Flow]) -> list[str]:
    return list(dict.fromkeys(entity for flow in flows for entity in flow.counts))


def _colours(flows: Sequence[Flow]) -> dict[str, str]:
    return dict(zip(_entities(flows), cycle(_ENTITY_COLOURS), strict=False))


def _draw_flows(flows: Sequence[Flow]) -> Chart | None:
    series = [
        Series(entity, [flow.counts.get(entity, 0) for flow in flows], colour)
        for entity, colour in _colours(flows).items()
    ]
    return stacked_rows([flow.stage for flow in flows], series) if series else None


def _draw_times(times: Mapping[str, float]) -> Chart | None:
    bars = [
        Bar(name, seconds, wording.duration(seconds), f"{name}: {wording.duration(seconds)}")
        for name, seconds in times.items()
    ]
    return rows_of_bars(bars) if bars else None
