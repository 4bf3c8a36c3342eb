"""Reads a bundle as the Databricks CLI does: includes, one target's overrides, and every `${...}` reference."""

import re
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

from pinterest_pipeline.errors import SettingsError
from tooling.databricks_setup.bundle.values import target_values

Tree = dict[str, Any]

USER = "ann@company.example"
WORKSPACE = {
    "current_user.userName": USER,
    "current_user.short_name": "ann",
    "file_path": f"/Workspace/Users/{USER}/.bundle/files",
}
_PRODUCTION = {
    "landing_location": "s3://landing-of-the-test",
    "storage_credential": "pinterest-landing",
    "deployer": "11111111-0000-4000-8000-000000000001",
    "job_principal": "22222222-0000-4000-8000-000000000002",
    "warehouse_id": "0123456789abcdef",
    "notification_email": "operators@company.example",
}
GIVEN: Mapping[str, Mapping[str, str]] = {
    "dev": {"landing_path": "/Volumes/main/pinterest_staging/landing", "warehouse_id": _PRODUCTION["warehouse_id"]},
    "staging": _PRODUCTION | {"kinesis_access": "pinterest-kinesis"},
    "prod": _PRODUCTION | {"kinesis_access": "pinterest-kinesis"},
}
"""Values that are given at the deployment of each target."""

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class BundleError(Exception):
    """Raised when the bundle refers to something that does not exist, or the CLI could not read it."""


@dataclass(frozen=True)
class Bundle:
    """One target of a bundle, with nothing left to resolve.

    Attributes:
        root: The folder of databricks.yml.
        target: The target's name.
        config: databricks.yml, with the target merged into it and the includes' resources under `resources`.
        files: Each included file as it is written.
        written: databricks.yml as it is written.
        values: Their values in this target, with nothing left to resolve.
    """

    root: Path
    target: str
    config: Tree
    files: Mapping[Path, Tree]
    written: Tree
    values: Mapping[str, Any]

    @property
    def variables(self) -> Mapping[str, Tree]:
        """The variables as they are declared."""
        found: Mapping[str, Tree] = self.written["variables"]
        return found

    def resources(self, kind: str) -> Mapping[str, Tree]:
        """Return the resources of one kind, such as `jobs`, by key."""
        found: Mapping[str, Tree] = self.config["resources"].get(kind, {})
        return found


def targets(root: Path) -> list[str]:
    """Return the names of the targets."""
    return list(_read(root / "databricks.yml")["targets"])


def load(root: Path, target: str, given: Mapping[str, str] | None = None) -> Bundle:
    """Read and resolve one target.

    Args:
        root: The folder of databricks.yml.
        target: The target.
        given: Values of variables; what a person gives for this target unless they are given here.

    Raises:
        BundleError: A reference leads nowhere, a variable has no value, or the CLI could not read a file.
    """
    main = _read(root / "databricks.yml")
    files = {path: _read(path) for pattern in main["include"] for path in sorted(root.glob(pattern))}
    chosen = main["targets"][target]
    config: Tree = {key: main[key] for key in main.keys() - {"targets", "variables", "include"}}
    of_files = [part for tree in files.values() for part in (tree, tree.get("targets", {}).get(target, {}))]
    for tree in (*of_files, {key: chosen[key] for key in chosen.keys() - {"variables"}}):
        config = _merged(config, {key: tree[key] for key in tree.keys() - {"targets"}})
    _apply_presets(config, development=chosen.get("mode") == "development")
    config["bundle"] = {**config["bundle"], "target": target}
    values = _values(main, target, GIVEN[target] if given is None else given)
    lookup = _lookup(config, values)
    resolved = {key: _resolved(tree, lookup) for key, tree in config.items()}
    return Bundle(
        root,
        target,
        resolved,
        files,
        main,
        {name: _resolved(value, lookup) for name, value in values.items()},
    )


def _read(path: Path) -> Tree:
    # A tree of its own, since the presets are written into it.
    return deepcopy(_parsed(path.read_text(encoding="utf-8"), path.name))


@cache
def _parsed(text: str, name: str) -> Tree:
    _refuse_inline_merges(text, name)
    tree: Tree = yaml.load(text, yaml.CSafeLoader)
    return tree


def _refuse_inline_merges(text: str, name: str) -> None:
    """Reject what the CLI rejects and PyYAML accepts: a map directly as the value of `<<`."""
    for key, value in pairwise(yaml.parse(text, yaml.SafeLoader)):
        merges = isinstance(key, yaml.ScalarEvent) and key.value == "<<"
        if merges and not isinstance(value, yaml.AliasEvent | yaml.SequenceStartEvent):
            raise BundleError(f"{name}: expected an alias or a list behind <<")


def _merged(base: Tree, over: Tree) -> Tree:
    return base | {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in over.items()
    }


def _apply_presets(config: Tree, *, development: bool) -> None:
    """Put the tags on the jobs; in development rename what that mode renames, so that two copies stay apart."""
    resources = config["resources"]
    for job in resources["jobs"].values():
        job["tags"] = config["presets"]["tags"] | job.get("tags", {})
    if development:
        for kind, key, prefix in (
            ("schemas", "name", "dev_ann_"),
            ("jobs", "name", "[dev ann] "),
            ("alerts", "display_name", "[dev ann] "),
            ("dashboards", "display_name", "[dev ann] "),
        ):
            for resource in resources.get(kind, {}).values():
                resource[key] = prefix + resource[key]


def _values(main: Tree, target: str, given: Mapping[str, str]) -> Tree:
    try:
        values = target_values(main, target, given)
    except SettingsError as error:
        raise BundleError(str(error)) from error
    if missing := main["variables"].keys() - values.keys():
        raise BundleError(f"variables without a value: {sorted(missing)}")
    return values


def _lookup(config: Tree, values: Tree) -> Callable[[str], object]:
    def lookup(reference: str) -> object:
        kind, _, path = reference.partition(".")
        if kind == "var" and path in values:
            return values[path]
        if kind == "workspace" and path in WORKSPACE:
            return WORKSPACE[path]
        if kind in {"bundle", "resources"}:
            return _walk(config[kind], path, reference)
        raise BundleError(f"${{{reference}}} refers to nothing")

    return lookup


def _walk(tree: object, path: str, reference: str) -> object:
    for step in path.split("."):
        if not isinstance(tree, dict) or step not in tree:
            raise BundleError(f"${{{reference}}} refers to nothing")
        tree = tree[step]
    return tree


def _resolved(value: object, lookup: Callable[[str], object]) -> object:
    if isinstance(value, dict):
        return {key: _resolved(inner, lookup) for key, inner in value.items()}
    if isinstance(value, list):
        return [_resolved(inner, lookup) for inner in value]
    if not isinstance(value, str):
        return value
    if whole := _REFERENCE.fullmatch(value):
        return _resolved(lookup(whole[1]), lookup)
    return _REFERENCE.sub(lambda found: str(_resolved(lookup(found[1]), lookup)), value)
