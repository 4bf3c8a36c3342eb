"""The wheel, built with the bundle's own command, contains the entry points of all tasks."""

import ast
import configparser
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from pinterest_pipeline.arguments import PARSERS
from tests.bundle import checks
from tests.support.bundle_resolver import load

ROOT = Path(__file__).parents[2]
PACKAGE = "pinterest_pipeline"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the bundle's command into a separate folder."""
    folder = tmp_path_factory.mktemp("wheel") / "dist"
    build = load(ROOT, "prod").config["artifacts"]["wheel"]["build"]
    subprocess.run([*shlex.split(build), "--out-dir", str(folder)], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.parent.glob(checks.WHEELS)
    return wheel


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    """No emulator, no demo, no set-up of AWS or Databricks, no data source that Databricks provides itself."""
    sources = ROOT / "src"
    files = [path for path in (sources / PACKAGE).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    held = [name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name]

    assert sorted(held) == sorted(str(path.relative_to(sources)) for path in files)


def test_the_workspace_gets_the_notebooks_and_the_contents_of_the_wheel() -> None:
    assert load(ROOT, "prod").config["sync"] == {"paths": ["notebooks", f"src/{PACKAGE}"]}


def test_the_wheel_declares_what_its_modules_import(wheel: Path) -> None:
    """As extras, except packages of Databricks' runtime."""
    declared = {Requirement(need).name for need in needs(wheel)}
    homes = packages_distributions()

    foreign = {name for text in modules(wheel) for name in imported(text)} - sys.stdlib_module_names
    foreign -= {PACKAGE, "pyspark", "pyarrow"}
    assert {name for name in foreign if declared.isdisjoint(home.lower() for home in homes.get(name, []))} == set()


def test_a_module_of_the_wheel_reads_no_file_outside_the_package(wheel: Path) -> None:
    assert [text for text in modules(wheel) if "__file__" in text] == []


def test_every_task_calls_an_entry_point_of_the_wheel(wheel: Path) -> None:
    called = {task["python_wheel_task"]["entry_point"] for task in checks.tasks(load(ROOT, "prod"))}

    assert called == {key for chain in checks.CHAINS.values() for key in chain}
    assert called <= entry_points(wheel).keys()


def test_every_entry_point_runs_the_job_of_its_name(wheel: Path) -> None:
    tree = ast.parse((ROOT / "src" / "pinterest_pipeline" / "jobs.py").read_text(encoding="utf-8"))
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}

    assert entry_points(wheel) == {name: f"pinterest_pipeline.tasks:{name}" for name in PARSERS}
    assert PARSERS.keys() <= functions


def test_entry_points_answer_where_only_the_wheel_is_installed(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "clean" / "bin" / "python"
    uv(f"venv --python {sys.executable} {tmp_path / 'clean'}")
    uv(f"pip install --offline --python {python} {wheel}")
    for task in PARSERS:
        answer = subprocess.run([python.with_name(task), "--help"], capture_output=True, text=True, check=True)
        assert answer.stdout.startswith(f"usage: {task} ")
    place = ["--catalog=main", "--schema=pinterest"]
    refusal = subprocess.run([python.with_name("upkeep"), *place], capture_output=True, text=True, check=False)
    assert refusal.returncode == 1
    assert refusal.stderr == "upkeep needs Spark, and pyspark is not installed: run it on Databricks\n"


def test_the_wheel_depends_on_nothing_that_the_workspace_provides(wheel: Path) -> None:
    assert [need for need in needs(wheel) if "extra ==" not in need] == []


def uv(command: str) -> None:
    subprocess.run([*shlex.split(f"uv --quiet {command}")], check=True)


def needs(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as files:
        (metadata,) = (name for name in files.namelist() if name.endswith(".dist-info/METADATA"))
        lines = files.read(metadata).decode().splitlines()
    return [line.partition(": ")[2] for line in lines if line.startswith("Requires-Dist:")]


def modules(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as files:
        return [files.read(name).decode() for name in files.namelist() if name.endswith(".py")]


def imported(text: str) -> Iterator[str]:
    """Yield the packages that a module imports, each by its top-level name."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def entry_points(wheel: Path) -> dict[str, str]:
    with zipfile.ZipFile(wheel) as files:
        (name,) = (name for name in files.namelist() if name.endswith(".dist-info/entry_points.txt"))
        parser = configparser.ConfigParser()
        parser.read_string(files.read(name).decode())
    return dict(parser["console_scripts"])
