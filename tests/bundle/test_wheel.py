"""The wheel that the bundle installs is built by the bundle's own command and holds what the tasks call."""

import ast
import configparser
import shlex
import subprocess
import zipfile
from pathlib import Path

import pytest

from pinterest_pipeline.arguments import PARSERS
from tests.bundle import checks
from tests.support.bundle_resolver import load

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as the bundle says but into a folder of its own."""
    folder = tmp_path_factory.mktemp("wheel") / "dist"
    build = load(ROOT, "prod").config["artifacts"]["wheel"]["build"]
    subprocess.run([*shlex.split(build), "--out-dir", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.parent.glob(checks.WHEELS)
    return wheel


def test_the_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "src"
    files = [
        path
        for path in (package / "pinterest_pipeline").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    ]

    assert {str(path.relative_to(package)) for path in files} <= set(zipfile.ZipFile(wheel).namelist())


def test_every_task_calls_an_entry_point_of_the_wheel(wheel: Path) -> None:
    called = {task["python_wheel_task"]["entry_point"] for task in checks.tasks(load(ROOT, "prod"))}

    assert called == {key for chain in checks.CHAINS.values() for key in chain}
    assert called <= entry_points(wheel).keys()


def test_every_entry_point_of_the_wheel_is_a_function_of_the_package(wheel: Path) -> None:
    places = {place.partition(":")[::2] for place in entry_points(wheel).values()}
    tree = ast.parse((ROOT / "src" / "pinterest_pipeline" / "jobs.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert {module for module, _ in places} == {"pinterest_pipeline.jobs"}
    assert {function for _, function in places} <= functions


def test_every_entry_point_of_the_wheel_has_its_arguments(wheel: Path) -> None:
    assert entry_points(wheel).keys() == PARSERS.keys()


def test_the_wheel_brings_nothing_that_the_workspace_has(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        needs = [line for line in files.read(metadata).decode().splitlines() if line.startswith("Requires-Dist:")]

    assert [need for need in needs if "extra ==" not in need] == []


def entry_points(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".dist-info/entry_points.txt"))
        parser = configparser.ConfigParser()
        parser.read_string(files.read(name).decode())
    return dict(parser["console_scripts"])
