"""The data dictionary on disk is what the declaration says today."""

from pathlib import Path

from pinterest_pipeline.contracts.data_dictionary import data_dictionary
from pinterest_pipeline.entities import ENTITIES

_PAGE = Path(__file__).parents[2] / "docs" / "data-dictionary.md"


def test_the_page_is_current() -> None:
    assert _PAGE.read_text(encoding="utf-8") == data_dictionary(), "run: uv run python scripts/data_dictionary.py"


def test_every_declared_column_has_its_line() -> None:
    lines = data_dictionary().splitlines()
    for entity in ENTITIES:
        described = [(c.name, c.about) for c in entity.source] + [(c.name, c.about) for c in entity.clean]
        for name, about in described:
            assert any(line.startswith(f"| `{name}` |") and about in line for line in lines)


def test_every_missing_marker_and_limit_is_named() -> None:
    page = data_dictionary()
    for marker in ("No Title Data Available", "N,o, ,T,a,g,s, ,A,v,a,i,l,a,b,l,e", "`Local save in `", "at most 130"):
        assert marker in page
