"""The source is a wheel of its own: whoever has Spark can install it, and gets nothing of the pipeline."""

import shlex
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[3] / "packages" / "spark_kinesis"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy: nothing beside the project can come in."""
    copy = shutil.copytree(PROJECT, tmp_path_factory.mktemp("spark_kinesis") / "project")
    subprocess.run(shlex.split("uv build --wheel --out-dir built"), cwd=copy, check=True, capture_output=True)
    (built,) = (copy / "built").glob("*.whl")
    return zipfile.ZipFile(built)


def test_the_wheel_holds_the_source_with_its_types_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    sources = PROJECT / "src"
    files = [*sources.rglob("*.py"), sources / "spark_kinesis" / "py.typed"]
    held = [name for name in wheel.namelist() if ".dist-info/" not in name]

    assert sorted(held) == sorted(str(path.relative_to(sources)) for path in files)


def test_the_wheel_needs_no_pipeline_and_says_what_it_is(wheel: zipfile.ZipFile) -> None:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    metadata = wheel.read(name).decode()
    needs = [line.partition(": ")[2] for line in metadata.splitlines() if line.startswith("Requires-Dist:")]

    assert needs == ["boto3>=1.41", "pyarrow>=18"]
    assert (PROJECT / "README.md").read_text(encoding="utf-8").strip() in metadata
