"""A small report with everything in it, and what a test needs to change one thing."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime

from pinterest_pipeline.publish.answers import ANSWERS
from tooling.demo.report import AnswerRows, Check, Commit, Flow, Rejection, Report, Stream

HOSTILE = """<script>alert("1")</script> & 'Côte d'Ivoire'"""
COUNTRIES = 237

_ENTITIES = ("pin", "geo", "user")
_GROUPS = ("18-24", "25-35", "36-50", "50+")
_YEARS = (2018, 2019, 2020, 2021, 2022)
_JOINED = (2015, 2016, 2017)
_COMMITS = [
    Commit(entity, at=at, took=4, rows=rows, latency_p50=1.5, latency_p99=4.0, lag=lag)
    for at, rows, lag in ((4.0, 500, 0.5), (8.0, 1_500, 3.25), (12.0, 0, 0.75))
    for entity in _ENTITIES
]
_ROWS: dict[str, Sequence[Sequence[object]]] = {
    "q1": [(f"Country {n:03}", "art", n + 1) for n in range(COUNTRIES)] + [("Country 236", HOSTILE, COUNTRIES)],
    "q2a": [(year, category, year - 1900) for year in _YEARS for category in ("art", "travel", HOSTILE)][1:],
    "q2b": [(year, "art", year - 1900) for year in _YEARS],
    "q3a": [(f"Country {n:03}", HOSTILE, 1_000_000 + n) for n in range(COUNTRIES)],
    "q3b": [(None, 12_000_000), (HOSTILE, 12_000_000)],
    "q4": [(group, "travel", 10) for group in _GROUPS],
    "q5": [(group, 1234.5) for group in _GROUPS],
    "q6": [(year, 700) for year in _JOINED],
    "q7": [(year, 20_000.0) for year in _JOINED],
    "q8": [(group, year, 500.0) for group in _GROUPS for year in _JOINED][1:],
}
_HOURS = [datetime(2025, 3, 1, hour, tzinfo=UTC) for hour in range(24)]
HEALTH_ROWS: dict[str, Sequence[Sequence[object]]] = {
    "newest_records": [(entity, _HOURS[-1], 1_500) for entity in sorted(_ENTITIES)],
    "rejections_by_rule": [
        ("user", "payload", "not_one_object", 12, _HOURS[0]),
        *(("pin", f"{HOSTILE}{n}", "wrong_kind", n, _HOURS[0]) for n in range(40)),
    ],
    "rows_by_day": [
        (date(2025, 3, day + 1), entity, 100 * day + 7) for day in range(30) for entity in sorted(_ENTITIES)
    ],
    "stream_latency": [
        (hour, entity, 2.5 + 0.1 * n + hour.hour % 5) for hour in _HOURS for n, entity in enumerate(sorted(_ENTITIES))
    ],
}


def sample_report() -> Report:
    """Return a report with a failed check, rejected rows, and rows for every answer."""
    counts = dict.fromkeys(_ENTITIES, 10_000)
    return Report(
        title="Batch run",
        prefix="12f6b2c1ae4f",
        source=HOSTILE,
        started_at=datetime(2025, 3, 1, 12, 30, tzinfo=UTC),
        seconds=72.4,
        times={"source": 1.5, "posted": 8.25, "clean": 20.0},
        flows=[
            Flow("source", counts),
            Flow("posted", counts),
            Flow("clean", {"pin": 9_970, "geo": 10_000, "user": 10_000}),
            Flow("quarantined", {"pin": 30, "geo": 0, "user": 0}),
        ],
        checks=[Check("source = posted, pin", 10_000, 10_000), Check("posted = raw, geo", 10_000, 9_997)],
        rejections=[Rejection("pin", "wrong_kind", f"title: {HOSTILE}", 30)],
        stream=Stream(_COMMITS, latency_p50=1.9, latency_p99=4.25),
        answers=[AnswerRows(answer, _ROWS[answer.name.partition("_")[0]]) for answer in ANSWERS],
    )


def empty_report() -> Report:
    """Return the report of a run that found no rows at all."""
    return replace(
        sample_report(),
        times={},
        flows=[],
        checks=[],
        rejections=[],
        stream=None,
        answers=[AnswerRows(answer, []) for answer in ANSWERS],
    )
