"""The values of a bundle target's variables, from the same places and in the same order as the CLI."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from pinterest_pipeline.errors import SettingsError

PREFIX = "BUNDLE_VAR_"
_REFERENCE = re.compile(r"\$\{var\.(\w+)\}")
_FILE = "databricks.yml"


def read_bundle(root: Path) -> dict[str, Any]:
    """Return databricks.yml as it is written.

    Args:
        root: The folder of databricks.yml.
    """
    bundle: dict[str, Any] = yaml.load((root / _FILE).read_text(encoding="utf-8"), yaml.CSafeLoader)
    return bundle


def given_values(root: Path, target: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the user or a CI job gives: the target's overrides file, then the environment.

    Args:
        root: The folder of databricks.yml.
        target: The target.
        environment: The environment variables of the process.

    Raises:
        SettingsError: The overrides file is not a JSON object.
    """
    path = root / ".databricks" / "bundle" / target / "variable-overrides.json"
    try:
        overrides = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except ValueError as error:
        raise SettingsError(f"expected a JSON object of variables in {path}: {error}") from error
    if not isinstance(overrides, dict):
        raise SettingsError(f"expected a JSON object of variables in {path}, got {type(overrides).__name__}")
    named = {name.removeprefix(PREFIX): value for name, value in environment.items() if name.startswith(PREFIX)}
    return overrides | named


def target_values(bundle: Mapping[str, Any], target: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the value of every variable that has one; references to other variables are resolved.

    Args:
        bundle: databricks.yml as it is written.
        target: The target.
        given: Values that override defaults and the target's own values.

    Raises:
        SettingsError: There is no such target, or a variable is set that is not declared.
    """
    if target not in bundle["targets"]:
        raise SettingsError(f"expected a target of {', '.join(bundle['targets'])}, got {target!r}")
    declared = bundle["variables"]
    chosen = {**bundle["targets"][target].get("variables", {}), **given}
    if unknown := sorted(chosen.keys() - declared.keys()):
        raise SettingsError(f"expected variables that {_FILE} declares, got {', '.join(unknown)}")
    values = {name: each["default"] for name, each in declared.items() if "default" in each} | chosen
    return {name: _resolved(value, values) for name, value in values.items()}


def _resolved(value: object, values: Mapping[str, Any]) -> object:
    if not isinstance(value, str):
        return value
    return _REFERENCE.sub(lambda found: str(values.get(found[1], found[0])), value)
