"""Runs a notebook from its file, cell by cell, as a workspace would."""

import contextlib
import runpy
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pyspark.sql import DataFrame, SparkSession

from tests.support.stand_ins import DbUtils

FOLDER = Path(__file__).parents[2] / "notebooks"
NOTEBOOKS = tuple(sorted(path.stem for path in FOLDER.glob("*.py")))

_HEADER = "# Databricks notebook source"
_BETWEEN = "# COMMAND ----------"
_MAGIC = "# MAGIC"
_INSTALL = f"{_MAGIC} %pip install"


@dataclass(frozen=True)
class Cell:
    """One cell: Python, or Markdown that is shown as it stands.

    Attributes:
        text: What is in it, without the marks of a Markdown cell.
        line: The number of its first line in the file.
        markdown: Whether it is Markdown.
    """

    text: str
    line: int
    markdown: bool


@dataclass(frozen=True)
class Shown:
    """One result of `display`."""

    columns: list[str]
    rows: list[tuple[Any, ...]]


@dataclass
class Page:
    """What a person sees after a run: tables and charts in order, and the widgets."""

    dbutils: DbUtils
    shown: list[Shown] = field(default_factory=list)
    charts: list[str] = field(default_factory=list)

    def display(self, result: object) -> None:
        """Show a table, or a list of whatever dbutils returned."""
        if isinstance(result, DataFrame):
            self.shown.append(Shown(result.columns, [tuple(row) for row in result.collect()]))
        elif isinstance(result, Sequence):
            self.shown.append(Shown([], [(row,) for row in result]))
        else:
            raise TypeError(f"display cannot show {result!r}")

    def display_html(self, html: str) -> None:
        """Show HTML: a chart, in these notebooks."""
        self.charts.append(html)


def cells(name: str) -> list[Cell]:
    """Read a notebook's cells.

    Raises:
        ValueError: The file is not in Databricks' source format, or uses a magic other than %md and %pip install.
    """
    header, *lines = (FOLDER / f"{name}.py").read_text(encoding="utf-8").splitlines()
    if header != _HEADER:
        raise ValueError(f"{name}.py does not begin with {_HEADER!r}")
    starts = [0, *(number for number, line in enumerate(lines, 1) if line == _BETWEEN)]
    ends = [*(start - 1 for start in starts[1:]), len(lines)]
    return [_cell(lines[start:end], start + 2) for start, end in zip(starts, ends, strict=True)]


def _cell(lines: list[str], line: int) -> Cell:
    # What a cell would install is here already; to Python the line is a comment.
    marked = [text for text in lines if text.startswith(_MAGIC) and not text.startswith(_INSTALL)]
    if not marked:
        return Cell("\n".join(lines), line, markdown=False)
    if marked[0] != f"{_MAGIC} %md" or len(marked) != len([text for text in lines if text]):
        raise ValueError(f"line {line}: a Markdown cell begins with %md and has nothing else in it")
    return Cell("\n".join(text.removeprefix(_MAGIC).strip() for text in marked[1:]), line, markdown=True)


def run(name: str, spark: SparkSession, dbutils: DbUtils, folder: Path) -> Page:
    """Run every cell in the notebook's own folder.

    Args:
        name: The notebook.
        spark: The session it finds.
        dbutils: The workspace it finds.
        folder: Where each cell may be written to, for the interpreter to read.
    """
    page = Page(dbutils)
    names: dict[str, Any] = {"spark": spark, "dbutils": dbutils}
    names |= {"display": page.display, "displayHTML": page.display_html}
    with contextlib.chdir((FOLDER / f"{name}.py").parent):
        for number, cell in enumerate(cells(name), 1):
            if not cell.markdown:
                path = folder / f"{Path(name).name}_cell_{number}.py"
                # Empty lines in front, so that a traceback names the line of the notebook.
                path.write_text("\n" * (cell.line - 1) + cell.text, encoding="utf-8")
                names |= runpy.run_path(str(path), init_globals=names)
    return page
