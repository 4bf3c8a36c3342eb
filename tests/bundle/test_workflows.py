"""The workflows deploy tested commits: with pinned actions, by OIDC, and to prod only from an approved tag."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.bundle_resolver import targets
from tooling.databricks_setup.bundle.values import PREFIX, read_bundle

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / ".github" / "workflows"
FILES = sorted(FOLDER.glob("*.yml"))
BUNDLE, DELIVER = "./.github/workflows/bundle.yml", FOLDER / "deliver.yml"


def read(path: Path) -> dict[str, Any]:
    # YAML 1.1 reads the key `on` as true.
    tree: dict[str, Any] = {("on" if key is True else key): value for key, value in _loaded(path).items()}
    return tree


def _loaded(path: Path) -> dict[Any, Any]:
    tree: dict[Any, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return tree


def used(path: Path) -> Iterator[str]:
    for job in read(path)["jobs"].values():
        yield from ([job["uses"]] if "uses" in job else (step["uses"] for step in job["steps"] if "uses" in step))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_action_is_pinned_by_its_commit(path: Path) -> None:
    foreign = [action for action in used(path) if not action.startswith("./")]
    assert [action for action in foreign if not re.fullmatch(r"[\w-]+/[\w-]+@[0-9a-f]{40}", action)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_called_workflow_exists_and_declares_its_inputs(path: Path) -> None:
    for job in read(path)["jobs"].values():
        if "uses" in job:
            called = read(ROOT / job["uses"])["on"]["workflow_call"] or {}
            assert called.get("inputs", {}).keys() == job.get("with", {}).keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_workflow_uses_a_long_lived_secret(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"secrets[.\[]|access[-_]key|_TOKEN: \$\{\{ vars", text)
    assert read(path)["permissions"].get("contents") == "read"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_no_shell_script_contains_an_expression(path: Path) -> None:
    steps = [step for job in read(path)["jobs"].values() for step in job.get("steps", [])]
    # A matrix is the file's own text.
    assert [step["run"] for step in steps if re.search(r"\$\{\{(?! matrix\.)", step.get("run", ""))] == []


def test_staging_and_prod_wait_for_the_tests_and_the_validation_of_every_target() -> None:
    jobs = read(DELIVER)["jobs"]
    assert jobs["validate"]["strategy"]["matrix"]["target"] == targets(ROOT)
    assert jobs["validate"]["with"]["action"] == "validate"
    assert [jobs[target]["needs"] for target in ("staging", "prod")] == [["test", "validate"]] * 2


@pytest.mark.parametrize(
    ("target", "condition"),
    [("staging", "github.ref == 'refs/heads/main'"), ("prod", "startsWith(github.ref, 'refs/tags/v')")],
)
def test_main_is_deployed_to_staging_and_a_tag_to_prod_each_in_its_environment(target: str, condition: str) -> None:
    job = read(DELIVER)["jobs"][target]
    assert (job["uses"], job["if"]) == (BUNDLE, condition)
    assert job["with"] == {"action": "deploy", "target": target, "environment": target}
    assert job["permissions"]["id-token"] == "write"


def test_wheels_are_released_after_prod() -> None:
    release = read(DELIVER)["jobs"]["release"]
    assert release["needs"] == "prod"
    assert release["permissions"] == {"contents": "write"}


def test_a_workflow_sets_every_variable_without_a_default() -> None:
    bundle = read_bundle(ROOT)
    given = set(re.findall(rf"{PREFIX}(\w+)", (ROOT / BUNDLE).read_text(encoding="utf-8")))
    required = {name for name, each in bundle["variables"].items() if "default" not in each}
    for target in bundle["targets"].values():
        assert required - target["variables"].keys() <= given
    assert given <= bundle["variables"].keys()
