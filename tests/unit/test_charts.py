"""Charts for notebooks: what they say, and HTML that is safe whatever the data says."""

import time
from datetime import datetime

import pytest
from plotly.io import to_html

from pinterest_pipeline.publish.answers import ANSWERS
from pinterest_pipeline.publish.charts import MOST_BARS, Drawing, Rows, draw, html
from pinterest_pipeline.publish.charts.drawings import ANSWER_DRAWERS
from pinterest_pipeline.publish.charts.fragment import INTEGRITY, PLOTLY
from pinterest_pipeline.publish.charts.health import HEALTH_DRAWERS
from pinterest_pipeline.publish.health import HEALTH
from tests.support.sample_report import HEALTH_ROWS


def _drawing(name: str, rows: Rows) -> Drawing:
    drawing = draw(name, rows)
    assert drawing is not None
    return drawing


def _sample(name: str) -> Drawing:
    return _drawing(name, HEALTH_ROWS[name])


def test_the_browser_loads_the_plotly_js_that_the_report_has_inside() -> None:
    loaded = to_html({"data": []}, include_plotlyjs="cdn", full_html=False)
    assert f'src="{PLOTLY}" integrity="{INTEGRITY}" crossorigin="anonymous"' in loaded


def test_every_answer_is_drawn_and_every_other_drawing_is_of_a_measure() -> None:
    assert [*ANSWER_DRAWERS] == [answer.name for answer in ANSWERS]
    assert HEALTH_DRAWERS.keys() == HEALTH_ROWS.keys() <= {measure.name for measure in HEALTH}


@pytest.mark.parametrize("name", HEALTH_ROWS)
def test_text_from_data_is_never_markup(name: str) -> None:
    shown = html(_sample(name))
    assert "<script>alert" not in shown
    assert shown.count("<script") == shown.count("</script>") == 3


def test_a_result_without_rows_is_a_sentence() -> None:
    assert html(draw("q1_popular_category_by_country", [])) == "<p>No rows.</p>"


def test_the_most_frequent_rejections_are_drawn_and_the_others_counted() -> None:
    drawing = _sample("rejections_by_rule")
    assert drawing.finding.endswith("breaks wrong_kind, 39.")
    assert f"{MOST_BARS} of 41: the most frequent" in drawing.note


def test_rows_of_a_day_are_counted_over_all_entities() -> None:
    assert _sample("rows_by_day").finding == "131,130 rows; the most on 2025-03-30: 8,721."


def test_each_entity_has_a_line_of_its_own_through_its_hours() -> None:
    names = [trace["name"] for trace in _sample("stream_latency").chart.traces]
    assert names == ["geo", "pin", "user"]
    assert _sample("stream_latency").finding == "Highest: user, 6.7 s, in the hour from 2025-03-01 04:00 UTC."


def test_times_of_a_driver_that_is_not_in_utc_are_shown_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        drawing = _drawing("newest_records", [("pin", datetime.fromisoformat("2025-03-01 05:30:00"), 7)])
    finally:
        monkeypatch.undo()
        time.tzset()
    assert drawing.finding == "Newest record: pin 2025-03-01 00:00 UTC."


def test_the_newest_record_of_each_entity_is_named() -> None:
    assert _sample("newest_records").finding.startswith("Newest record: geo 2025-03-01 23:00 UTC; pin")
