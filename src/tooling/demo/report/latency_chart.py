"""The charts of a stream: throughput, latency and lag over the seconds of a run."""

from collections.abc import Callable, Mapping

from pinterest_pipeline.publish.charts import Drawing
from pinterest_pipeline.publish.charts.shapes import Line, lines
from pinterest_pipeline.publish.charts.wording import duration, number
from tooling.demo.report.model import Commit, Stream


def draw_stream(stream: Stream, colours: Mapping[str, str]) -> dict[str, Drawing]:
    """Return the drawings of a stream by their titles.

    Args:
        stream: The batches; at least one.
        colours: The colour of each entity, in the entities' order.
    """
    return {
        "Throughput": _throughput(stream, colours),
        "Latency": _latency(stream, colours),
        "Lag": _lag(stream, colours),
    }


def _throughput(stream: Stream, colours: Mapping[str, str]) -> Drawing:
    rows = sum(commit.rows for commit in stream.commits)
    began = min(commit.at - commit.took for commit in stream.commits)
    seconds = max(commit.at for commit in stream.commits) - began
    each = _each(stream, colours, _rate)
    return Drawing(
        lines(each, "records/s"),
        "Throughput over the run, in records per second",
        f"{number(rows)} records in {duration(seconds)}, {number(round(rows / max(seconds, 0.001)))} a second.",
        "Records of each batch, divided by the seconds since the commit before it.",
    )


def _latency(stream: Stream, colours: Mapping[str, str]) -> Drawing:
    half = _each(stream, colours, lambda commit: commit.latency_p50, " p50")
    most = _each(stream, colours, lambda commit: commit.latency_p99, " p99", dashed=True)
    return Drawing(
        lines([*half, *most], "s"),
        "Latency over the run, in seconds",
        f"Half of the records were in the table within {duration(stream.latency_p50)}, "
        f"99% within {duration(stream.latency_p99)}.",
        "Time from a record's arrival in the stream to the commit of its batch.",
    )


def _lag(stream: Stream, colours: Mapping[str, str]) -> Drawing:
    worst = max(stream.commits, key=lambda commit: commit.lag)
    return Drawing(
        lines(_each(stream, colours, lambda commit: commit.lag), "s"),
        "Lag over the run, in seconds",
        f"Largest lag: {worst.entity}, by {duration(worst.lag)}.",
        "Time from the arrival of a batch's newest record to its commit.",
    )


def _rate(commit: Commit) -> float:
    return commit.rows / max(commit.took, 0.001)


def _each(
    stream: Stream,
    colours: Mapping[str, str],
    value: Callable[[Commit], float],
    suffix: str = "",
    *,
    dashed: bool = False,
) -> list[Line]:
    """Return one line an entity."""
    points = {
        entity: [(commit.at, value(commit)) for commit in stream.commits if commit.entity == entity]
        for entity in colours
    }
    return [Line(f"{entity}{suffix}", points[entity], colours[entity], dashed) for entity in colours if points[entity]]
