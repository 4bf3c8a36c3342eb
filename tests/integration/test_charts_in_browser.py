"""A notebook's charts in a real browser, which loads plotly.js from this machine in the place of its address.

The charts of the other answers are drawn in the report, from the same figures.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, Page
from plotly.offline import get_plotlyjs

from pinterest_pipeline.publish.charts import draw, html
from pinterest_pipeline.publish.charts.fragment import PLOTLY
from tests.integration.browsing import CHARTS, MISTAKES
from tests.support.sample_report import HEALTH_ROWS, sample_report

LARGEST = sample_report().answers[0]
RESULTS = {LARGEST.answer.name: LARGEST.rows} | HEALTH_ROWS
WIDTH = 1000


@dataclass
class Notebook:
    """A place that shows one chart after the other, and everything that the browser complained about."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def show(self, name: str, plotly: str) -> None:
        """Show a result's chart, with this text for plotly.js."""
        address, other = "https://workspace.test/", {"Access-Control-Allow-Origin": "*"}
        body = html(draw(name, RESULTS[name]))
        self.page.unroute_all()
        self.page.route(address, lambda route: route.fulfill(body=body, content_type="text/html"))
        self.page.route(PLOTLY, lambda route: route.fulfill(body=plotly, content_type="text/javascript", headers=other))
        self.complaints.clear()
        self.page.goto(address)


@pytest.fixture(scope="module")
def notebook(browser: Browser) -> Iterator[Notebook]:
    page = browser.new_page(viewport={"width": WIDTH, "height": 600})
    notebook = Notebook(page)
    page.on("console", lambda message: notebook.complaints.append(message.text))
    page.on("pageerror", lambda error: notebook.complaints.append(str(error)))
    yield notebook
    page.close()


@pytest.mark.parametrize("name", RESULTS)
def test_a_chart_is_drawn_inside_its_place_without_a_complaint(notebook: Notebook, name: str) -> None:
    notebook.show(name, get_plotlyjs())
    [chart] = notebook.page.evaluate(CHARTS)
    assert chart["marks"]
    assert notebook.page.evaluate(MISTAKES) == []
    assert 250 < chart["width"] <= chart["room"]
    assert notebook.page.evaluate("document.documentElement.scrollWidth") == WIDTH
    assert not notebook.page.locator("#missing").is_visible()
    assert notebook.complaints == []


def test_what_is_not_the_pinned_plotly_js_is_not_run_and_the_page_says_so(notebook: Notebook) -> None:
    notebook.show("newest_records", "window.Plotly = 1")
    assert notebook.page.locator("#missing").is_visible()
    assert notebook.page.evaluate("typeof Plotly") == "undefined"
