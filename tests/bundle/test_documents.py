"""Every link of a document has a target, and the tutorial's rows are as it describes them."""

import json
import re
from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES
from tests.support.commands import DOCUMENTS

ROOT = Path(__file__).parents[2]


def test_the_rows_of_the_tutorial_are_valid_except_one_latitude() -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    files = dict(re.findall(r"^cat > my-rows/(\w+)\.jsonl <<'ROWS'\n(.*?)^ROWS$", text, re.MULTILINE | re.DOTALL))
    wrong = []
    for entity in ENTITIES:
        for row in map(json.loads, files[entity.name].splitlines()):
            assert {column.name for column in entity.source if column.required} <= row.keys()
            for name, value in row.items():
                column = entity.column(name)
                if (
                    column.minimum is not None
                    and column.maximum is not None
                    and not column.minimum <= value <= column.maximum
                ):
                    wrong.append(f'"{name}": {value}')
    assert wrong == ['"latitude": 91']
    assert f"s/{wrong[0]}/" in text


def dead_links(text: str, folder: Path) -> list[str]:
    links = re.findall(r"\]\(([^)\s:]+)\)", text)  # with a colon it is an external page
    return [link for link in links if not leads_somewhere(folder, *link.partition("#")[::2])]


def leads_somewhere(folder: Path, path: str, heading: str) -> bool:
    page = folder / path
    if not heading or not page.exists():
        return page.exists()
    titles = re.findall(r"^#+ (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return heading in {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_link_of_a_document_has_a_target(document: Path) -> None:
    text = document.read_text(encoding="utf-8").replace("](#", f"]({document.name}#")
    assert dead_links(text, document.parent) == []


def test_a_dead_link_is_found() -> None:
    assert dead_links("[a](nowhere.md) [b](aws.md#nothing) [c](aws.md#the-stacks)", ROOT / "docs") == [
        "nowhere.md",
        "aws.md#nothing",
    ]
