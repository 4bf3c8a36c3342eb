"""The notebooks of notebooks/tests, which nutter runs in a workspace, run locally with nutter's own fixture."""

import inspect
import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path

import pytest

from tests.notebooks.conftest import Workspace
from tests.support.landed import NAMES
from tests.support.notebook_runner import FOLDER, run
from tests.support.stand_ins import DbUtils, Notebook, Widgets

ROOT = Path(__file__).parents[2]
TESTS = tuple(sorted(path.stem for path in (FOLDER / "tests").glob("*.py")))


@pytest.fixture(scope="module")
def nutter() -> Iterator[None]:
    """The package nutter, from its own environment, whose folder holds a package `tests` too."""
    [*folders] = ROOT.glob(".venvs/nutter/lib/python*/site-packages")
    if not folders and os.environ.get("CI") != "true":
        pytest.skip("nutter is not installed: make nutter-setup")
    [folder] = map(str, folders)
    sys.path.append(folder)
    yield
    sys.path.remove(folder)


def outcomes(workspace: Workspace, name: str, other: Notebook | None = None, **typed: str) -> dict[str, str]:
    """Run a notebook of tests, and return why each failed, in their order; empty for those that passed."""

    def open_other(path: str, arguments: Mapping[str, str]) -> None:
        assert path.startswith("../")
        run(path.removeprefix("../"), workspace.spark, DbUtils(widgets=Widgets(arguments)), workspace.folder)

    typed |= {"catalog": workspace.lake.catalog, "folder": str(workspace.folder)}
    notebook = other or Notebook(open_other)
    run(f"tests/{name}", workspace.spark, DbUtils(widgets=Widgets(typed), notebook=notebook), workspace.folder)
    found = import_module("common.testresult").TestResults().deserialize(notebook.found[0])
    return {result.test_name: "" if result.passed else result.stack_trace for result in found.results}


def left(workspace: Workspace) -> list[object]:
    schemas = [row[0] for row in workspace.spark.sql("SHOW SCHEMAS").collect() if row[0].startswith("pinterest_test")]
    return [*schemas, *workspace.folder.glob("test_*/")]


@pytest.mark.usefixtures("nutter")
def test_batch(workspace: Workspace) -> None:
    found = outcomes(workspace, "test_batch", reader="files")
    assert found == dict.fromkeys(["1_set_up", "2_bring_in", "3_publish", "4_explore"], "")
    assert left(workspace) == []


@pytest.mark.usefixtures("nutter")
def test_stream(workspace: Workspace) -> None:
    streams = workspace.sent.streams
    found = outcomes(workspace, "test_stream", prefix=NAMES.prefix, region=streams.region, endpoint=streams.endpoint)
    assert found == {"bring_in": ""}
    assert left(workspace) == []


@pytest.mark.usefixtures("nutter")
def test_notebooks_that_cannot_run_fail_every_test_and_clean_up(workspace: Workspace) -> None:
    found = outcomes(workspace, "test_batch", Notebook(), reader="files")
    assert len(found) == 4
    assert "Unable to run notebook ../set_up" in found["1_set_up"]
    assert all(found.values())
    assert left(workspace) == []


@pytest.mark.parametrize("name", TESTS)
def test_a_workspace_installs_the_tested_version_of_nutter(name: str) -> None:
    [group] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["dependency-groups"]["nutter"]
    text = (FOLDER / "tests" / f"{name}.py").read_text("utf-8")
    assert re.findall(r"^# MAGIC %pip install --quiet (.*)$", text, re.MULTILINE) == [group]


@pytest.mark.usefixtures("nutter")
def test_the_documented_command_has_nutters_own_options() -> None:
    text = (ROOT / "docs" / "databricks.md").read_text("utf-8")
    [line] = re.findall(r"^\.venvs/nutter/bin/nutter run (.*)$", text, re.MULTILINE)
    pattern, cluster, *options = shlex.split(line)
    given = dict(zip((name.removeprefix("--") for name in options[::2]), options[1::2], strict=True))
    inspect.signature(import_module("cli.nuttercli").NutterCLI.run).bind(None, pattern, cluster, **given)
    assert pattern.endswith("notebooks/tests/*")
    widgets = {
        name: re.findall(r"widgets\.\w+\(\"(\w+)", (FOLDER / "tests" / f"{name}.py").read_text()) for name in TESTS
    }
    assert json.loads(given["notebook_params"]).keys() <= {each for names in widgets.values() for each in names}
