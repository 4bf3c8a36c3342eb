"""The report as a text: complete, self-contained, and safe for any data."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.publish.answers import ANSWERS, Answer
from pinterest_pipeline.publish.charts import MOST_BARS, Drawing, draw
from pinterest_pipeline.publish.charts.wording import NO_VALUE, compact, duration, number, together
from tests.support.sample_report import COUNTRIES, HOSTILE, empty_report, sample_report
from tooling.demo.report import AnswerRows, Check, Flow, render, write_report


class Page(HTMLParser):
    """What a browser would find in a page: attributes, texts of the scripts, and the texts and rows of each section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.attributes: list[tuple[str, str, str]] = []
        self.scripts: list[str] = []
        self.texts: dict[str, str] = {}
        self.tags: dict[str, list[str]] = {}
        self._section = ""
        self._tag = ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        self._tag = tag
        if tag == "section":
            self._section = dict(attrs)["id"] or ""
        self.tags.setdefault(self._section, []).append(tag)

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if self._tag == "script":
            self.scripts.append(data)
        else:
            self.texts[self._section] = self.texts.get(self._section, "") + data


def _drawing(name: str) -> Drawing:
    drawing = draw(name, next(content.rows for content in sample_report().answers if content.answer.name == name))
    assert drawing is not None
    return drawing


def _values(drawing: Drawing, name: str) -> list[Any]:
    values = drawing.chart.traces[0][name]
    assert isinstance(values, list)
    return values


@pytest.fixture(scope="module")
def html() -> str:
    return render(sample_report())


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


@pytest.fixture(scope="module")
def empty_page() -> Page:
    return Page(render(empty_report()))


def test_no_attribute_of_the_page_leads_to_the_network(page: Page) -> None:
    links = [value for _, name, value in page.attributes if name in {"src", "href", "srcset", "action", "data"}]
    assert links
    assert all(link.startswith("#") or link == "data:," for link in links)


def test_the_browser_is_told_to_load_nothing(page: Page) -> None:
    (policy,) = [value for _, name, value in page.attributes if name == "content" and "-src" in value]
    assert policy.startswith("default-src 'none';")
    assert "http" not in policy


def test_plotly_is_inside_once(html: str) -> None:
    assert len(re.findall(r"^\* plotly\.js v\d", html, re.MULTILINE)) == 1


def test_text_from_data_is_never_markup(page: Page) -> None:
    assert len(page.scripts) == 2 + len(ANSWERS) + 2 + 3  # plotly.js, the drawing; answers; flow and time; the stream's
    assert not any(script.startswith("alert") for script in page.scripts)


@pytest.mark.parametrize("section", ["rejected", "q1_popular_category_by_country"])
def test_text_from_data_reads_as_it_is(page: Page, section: str) -> None:
    assert HOSTILE in page.texts[section]


def test_a_chart_takes_text_from_data_as_text() -> None:
    written = json.dumps(_drawing("q3b_country_of_most_followed_user").chart.figure)
    assert "&lt;script&gt;" in written
    assert "<script>" not in written


@pytest.mark.parametrize("content", sample_report().answers, ids=lambda content: content.answer.name)
def test_every_answer_has_a_chart_and_a_table_with_all_its_rows(page: Page, content: AnswerRows) -> None:
    tags = page.tags[content.answer.name]
    assert tags.count("figure") == tags.count("script") == tags.count("table") == 1
    assert tags.count("tr") == 1 + len(content.rows)


@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.name)
def test_an_answer_without_rows_says_so_instead_of_drawing(empty_page: Page, answer: Answer) -> None:
    assert "No answer" in empty_page.texts[answer.name]
    assert not {"figure", "script", "table"} & set(empty_page.tags[answer.name])


def test_a_run_without_rejections_says_so(empty_page: Page) -> None:
    assert "No row was rejected" in empty_page.texts["rejected"]


def test_a_run_without_checks_does_not_claim_that_its_counts_add_up(empty_page: Page) -> None:
    assert "No count was checked." in empty_page.texts[""]


def test_a_check_that_fails_is_the_first_thing_said(page: Page) -> None:
    assert "1 of 2 checks does not hold." in page.texts[""]
    assert "3 missing" in page.texts["checks"]


def test_checks_that_all_hold_are_said_to_add_up() -> None:
    page = Page(render(replace(sample_report(), checks=[Check("a", 1, 1), Check("b", 2, 2)])))
    assert "Every count adds up: all 2 checks hold." in page.texts[""]


def test_a_stage_that_does_not_count_an_entity_shows_no_zero_for_it() -> None:
    flows = [Flow("source", {"pin": 7, "geo": 8}), Flow("dead letters", {"pin": 1})]
    page = Page(render(replace(sample_report(), flows=flows)))
    assert NO_VALUE in page.texts["flow"]


def test_a_stream_is_shown_by_its_throughput_latency_and_lag(page: Page) -> None:
    assert page.tags["stream"].count("figure") == 3
    for finding in (
        "6,000 records in 12.0 s, 500 a second.",
        "Half of the records were in the table within 1.9 s, 99% within 4.2 s.",
        "Largest lag: pin, by 3.2 s.",
    ):
        assert finding in page.texts["stream"]


def test_each_entity_has_a_line_of_its_own_through_its_commits(page: Page) -> None:
    figures = [json.loads(script) for script in page.scripts if '"scatter"' in script and "plotly.js" not in script]
    assert [len(figure["data"]) for figure in figures] == [3, 6, 3]
    assert figures[0]["data"][0]["y"] == [125, 375, 0]


def test_a_run_without_a_stream_says_so(empty_page: Page) -> None:
    assert "No record was streamed." in empty_page.texts["stream"]


def test_a_run_that_was_not_timed_says_so() -> None:
    page = Page(render(replace(sample_report(), times={})))
    assert "No stage was timed" in page.texts["time"]


def test_a_chart_of_many_countries_shows_the_largest_and_says_so() -> None:
    drawing = _drawing("q1_popular_category_by_country")
    assert len(_values(drawing, "x")) == MOST_BARS
    assert _values(drawing, "x")[0] == max(_values(drawing, "x")) == COUNTRIES
    assert f"{MOST_BARS} of {COUNTRIES}" in drawing.note


def test_categories_that_tie_share_one_bar() -> None:
    assert _values(_drawing("q1_popular_category_by_country"), "text")[0].startswith("237  art +1")


def test_a_category_without_posts_in_a_year_leaves_its_cell_empty() -> None:
    cells = _values(_drawing("q2a_posts_by_year_and_category"), "z")
    assert [None in row for row in cells].count(True) == 1


def test_a_group_without_a_median_leaves_its_column_out() -> None:
    assert _values(_drawing("q8_median_followers_by_joining_year_and_age_group"), "y")[0] is None


def test_a_finding_names_the_highest_and_the_lowest() -> None:
    rows = [(2015, 1500.5), (2016, 20_000.0), (2017, 20_000.0)]
    drawing = draw("q7_median_followers_by_joining_year", rows)
    assert drawing is not None
    assert drawing.finding == "Highest: 2016 and 2017, 20,000; lowest: 2015, 1,500.5 followers."


def test_years_have_no_separators_and_counts_have(page: Page) -> None:
    assert "2018" in page.texts["q2b_popular_category_by_year"]
    assert "12,000,000" in page.texts["q3b_country_of_most_followed_user"]
    assert "1,234.5" in page.texts["q5_median_followers_by_age_group"]


@pytest.mark.parametrize(
    ("value", "full", "short"),
    [(0, "0", "0"), (999.0, "999", "999"), (1234.56, "1,234.6", "1.2k"), (12_000_000, "12,000,000", "12M")],
)
def test_numbers_read_well(value: float, full: str, short: str) -> None:
    assert number(value) == full
    assert compact(value) == short


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1 min 0 s"), (3725, "62 min 5 s")]
)
def test_times_read_well(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("names", "text"),
    [
        ([], ""),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcde"), "a, b, c and 2 more"),
    ],
)
def test_lists_read_well(names: list[str], text: str) -> None:
    assert together(names) == text


def test_a_written_report_leaves_only_itself(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("the report of the run before", encoding="utf-8")
    write_report(empty_report(), path)
    assert path.read_text(encoding="utf-8") == render(empty_report())
    assert list(tmp_path.iterdir()) == [path]


def test_a_report_that_cannot_be_written_says_where_and_why(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot write the report .*missing/report\.html: No such file"):
        write_report(empty_report(), tmp_path / "missing" / "report.html")
