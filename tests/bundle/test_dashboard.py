"""The dashboard's file is the generated one, and its widgets refer to existing datasets and columns."""

import json
from itertools import combinations, product
from pathlib import Path
from typing import Any

import pytest

from pinterest_pipeline.publish.answers import ANSWERS
from tests.support.bundle_resolver import load
from tooling.databricks_setup.bundle.dashboard import CHARTS, COLUMNS, dashboard

ROOT = Path(__file__).parents[2]
TREE: dict[str, Any] = json.loads(dashboard())
WIDGETS = [each["widget"] for page in TREE["pages"] for each in page["layout"]]


def test_the_file_is_the_generated_one() -> None:
    resource = load(ROOT, "prod").resources("dashboards")["answers"]
    file = ROOT / "resources" / resource["file_path"]
    assert file.read_text(encoding="utf-8") == dashboard(), "run: make docs"


def test_there_is_one_page_of_answers_and_one_of_health() -> None:
    assert [page["displayName"] for page in TREE["pages"]] == ["Answers", "Health"]
    shown = {each["widget"]["spec"]["frame"]["title"] for each in TREE["pages"][0]["layout"]}
    assert shown == {answer.title for answer in ANSWERS}
    assert CHARTS.keys() <= {answer.name for answer in ANSWERS}


def test_names_are_unique_and_every_widget_has_its_dataset() -> None:
    datasets, widgets = [each["name"] for each in TREE["datasets"]], [widget["name"] for widget in WIDGETS]
    assert len(set(datasets)) == len(datasets)
    assert widgets == datasets
    assert [widget["queries"][0]["query"]["datasetName"] for widget in WIDGETS] == datasets


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget["name"])
def test_a_widget_draws_only_columns_that_it_queries(widget: dict[str, Any]) -> None:
    encodings = widget["spec"]["encodings"]
    drawn = encodings["columns"] if "columns" in encodings else encodings.values()
    fields = {field["name"] for field in widget["queries"][0]["query"]["fields"]}
    assert {each["fieldName"] for each in drawn} <= fields


@pytest.mark.parametrize("page", TREE["pages"], ids=lambda page: page["name"])
def test_widgets_are_on_the_grid_and_do_not_overlap(page: dict[str, Any]) -> None:
    cells = []
    for each in page["layout"]:
        place = each["position"]
        across, down = range(place["x"], place["x"] + place["width"]), range(place["y"], place["y"] + place["height"])
        assert across.stop <= COLUMNS
        cells.append(set(product(across, down)))
    assert not any(one & other for one, other in combinations(cells, 2))
