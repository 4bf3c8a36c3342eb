"""Reads a bundle as the Databricks CLI does: includes, one target's overrides, and every `${...}` reference."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import yaml

Tree = dict[str, Any]

USER = "ann@company.example"
WORKSPACE = {
    "current_user.userName": USER,
    "current_user.short_name": "ann",
    "file_path": f"/Workspace/Users/{USER}/.bundle/files",
}
GIVEN = {"landing_location": "s3://landing-of-the-test"}
"""What a person gives at deployment: the variables that have no default."""

_REFERENCE = re.compile(r"\$\{([^}]*)\}")


class BundleError(Exception):
    """Raised when the bundle refers to something that is not there, or is written as the CLI cannot read it."""


@dataclass(frozen=True)
class Bundle:
    """One target of a bundle, with nothing left to resolve.

    Attributes:
        root: The folder of databricks.yml.
        target: The target's name.
        config: databricks.yml, with the target merged into it and the includes' resources under `resources`.
        files: Each included file as it is written.
        variables: The variables as they are declared.
        values: Their values in this target.
    """

    root: Path
    target: str
    config: Tree
    files: Mapping[Path, Tree]
    variables: Mapping[str, Tree]
    values: Mapping[str, Any]

    def resources(self, kind: str) -> Mapping[str, Tree]:
        """Return the resources of one kind, such as `jobs`, by key."""
        found: Mapping[str, Tree] = self.config["resources"].get(kind, {})
        return found


def targets(root: Path) -> list[str]:
    """Return the names of the targets."""
    return list(_read(root / "databricks.yml")["targets"])


def load(root: Path, target: str, given: Mapping[str, str] = GIVEN) -> Bundle:
    """Read and resolve one target.

    Raises:
        BundleError: A reference leads nowhere, a variable has no value, or the CLI could not read a file.
    """
    main = _read(root / "databricks.yml")
    files = {path: _read(path) for pattern in main["include"] for path in sorted(root.glob(pattern))}
    chosen = main["targets"][target]
    config: Tree = {key: main[key] for key in main.keys() - {"targets", "variables", "include"}}
    for tree in (*files.values(), {key: chosen[key] for key in chosen.keys() - {"variables"}}):
        config = _merged(config, tree)
    if chosen.get("mode") == "development":
        _own_copy(config["resources"])
    config["bundle"] = {**config["bundle"], "target": target}
    values = _values(main["variables"], chosen.get("variables", {}), given)
    lookup = _lookup(config, values)
    resolved = {key: _resolved(tree, lookup) for key, tree in config.items()}
    return Bundle(root, target, resolved, files, main["variables"], values)


def _read(path: Path) -> Tree:
    text = path.read_text(encoding="utf-8")
    _refuse_inline_merges(text, path)
    tree: Tree = yaml.safe_load(text)
    return tree


def _refuse_inline_merges(text: str, path: Path) -> None:
    """Refuse what the CLI refuses and PyYAML takes: a map that stands behind `<<` itself."""
    for key, value in pairwise(yaml.parse(text, yaml.SafeLoader)):
        merges = isinstance(key, yaml.ScalarEvent) and key.value == "<<"
        if merges and not isinstance(value, yaml.AliasEvent | yaml.SequenceStartEvent):
            raise BundleError(f"{path.name}: expected an alias or a list behind <<")


def _merged(base: Tree, over: Tree) -> Tree:
    return base | {
        key: _merged(base[key], value) if isinstance(value, dict) and isinstance(base.get(key), dict) else value
        for key, value in over.items()
    }


def _own_copy(resources: Tree) -> None:
    """Rename what development mode renames, so that two people's copies stay apart."""
    for schema in resources["schemas"].values():
        schema["name"] = "dev_ann_" + schema["name"]
    for job in resources["jobs"].values():
        job["name"] = "[dev ann] " + job["name"]


def _values(declared: Tree, chosen: Tree, given: Mapping[str, str]) -> Tree:
    if unknown := (chosen.keys() | given.keys()) - declared.keys():
        raise BundleError(f"values for variables that are not declared: {sorted(unknown)}")
    defaults = {name: variable["default"] for name, variable in declared.items() if "default" in variable}
    values = {**defaults, **chosen, **given}
    if missing := declared.keys() - values.keys():
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
