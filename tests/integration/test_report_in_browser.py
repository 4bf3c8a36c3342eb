"""The report in a real browser: Debian's Chromium, without a network, at common widths and in both colour schemes."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page

from pinterest_pipeline.publish.answers import ANSWERS
from tests.integration.browsing import CHARTS, MISTAKES
from tests.support.sample_report import empty_report, sample_report
from tooling.demo.report import Report, write_report

DESKTOP, PHONE = (1280, 900), (390, 844)
_INK = "() => getComputedStyle(document.querySelector('.chart .ytick text')).fill"

Colours = Literal["light", "dark"]


@dataclass
class Opened:
    """A page in the browser, and everything that it complained about or asked for."""

    page: Page
    complaints: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def charts(self) -> list[dict[str, Any]]:
        """Return what is drawn in each chart's place."""
        charts: list[dict[str, Any]] = self.page.evaluate(CHARTS)
        return charts


Open = Callable[[Report, tuple[int, int], Colours], Opened]


@pytest.fixture
def open_report(browser: Browser, tmp_path: Path) -> Iterator[Open]:
    contexts = []

    def open_report(report: Report, size: tuple[int, int], colours: Colours) -> Opened:
        write_report(report, tmp_path / "report.html")
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=colours, offline=True
        )
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("console", lambda message: opened.complaints.append(message.text))
        opened.page.on("pageerror", lambda error: opened.complaints.append(str(error)))
        opened.page.on("request", lambda request: opened.requests.append(request.url))
        opened.page.goto((tmp_path / "report.html").as_uri())
        return opened

    yield open_report
    for context in contexts:
        context.close()


def _wait_until(page: Page, condition: Callable[[], bool]) -> None:
    """Wait in Python: playwright would evaluate text in the page, which its content policy forbids."""
    deadline = monotonic() + 120
    while not condition():
        assert monotonic() < deadline, "the page did not change"
        page.wait_for_timeout(50)


@pytest.mark.parametrize(("size", "colours"), [(DESKTOP, "light"), (PHONE, "dark")], ids=["desktop", "phone"])
def test_every_chart_is_drawn_inside_a_page_that_complains_of_nothing_and_asks_for_nothing_but_itself(
    open_report: Open, size: tuple[int, int], colours: Colours
) -> None:
    opened = open_report(sample_report(), size, colours)
    charts = opened.charts()
    assert len(charts) == 2 + 3 + len(ANSWERS)
    assert [chart for chart in charts if not chart["marks"]] == []
    assert opened.page.evaluate(MISTAKES) == []
    assert [chart for chart in charts if not 250 < chart["width"] <= chart["room"]] == []
    assert opened.page.evaluate("document.documentElement.scrollWidth") == size[0]
    assert opened.complaints == []
    assert [url for url in opened.requests if not url.startswith("data:")] == [opened.page.url]


def test_charts_follow_a_change_of_colours(open_report: Open) -> None:
    page = open_report(sample_report(), DESKTOP, "light").page
    light = page.evaluate(_INK)
    page.emulate_media(color_scheme="dark")
    _wait_until(page, lambda: page.evaluate(_INK) != light)
    page.emulate_media(media="print")
    _wait_until(page, lambda: page.evaluate(_INK) == light)


def test_charts_follow_the_width_of_the_window(open_report: Open) -> None:
    opened = open_report(sample_report(), DESKTOP, "light")
    opened.page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    _wait_until(opened.page, lambda: all(250 < chart["width"] <= chart["room"] for chart in opened.charts()))
    assert opened.page.evaluate("document.documentElement.scrollWidth") == PHONE[0]


def test_text_from_data_is_shown_and_never_run_and_a_long_table_scrolls_under_its_header(open_report: Open) -> None:
    opened = open_report(sample_report(), PHONE, "light")
    page = opened.page
    names = page.locator("#q3b_country_of_most_followed_user .chart .ytick text").all_text_contents()
    assert names == ["unknown", '<script>alert("1")</s…']
    assert opened.complaints == []
    table = page.locator("#q1_popular_category_by_country .scroll")
    table.evaluate("box => box.scrollTo(0, box.scrollHeight)")
    box, header = table.bounding_box(), table.locator("thead th").first.bounding_box()
    assert box is not None
    assert header is not None
    assert table.evaluate("box => box.scrollTop") > 1000
    assert abs(header["y"] - box["y"]) < 3


def test_a_run_without_rows_has_sentences_instead_of_charts(open_report: Open) -> None:
    opened = open_report(empty_report(), PHONE, "dark")
    assert opened.charts() == []
    assert opened.page.locator("p.empty").count() == 5 + len(ANSWERS)
    assert opened.complaints == []
