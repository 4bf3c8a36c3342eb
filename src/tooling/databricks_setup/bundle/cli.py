"""Calls `databricks bundle` for a target whose values have been checked."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from pinterest_pipeline.errors import SettingsError
from tooling.databricks_setup.bundle.rules import faults
from tooling.databricks_setup.bundle.values import given_values, read_bundle, target_values

CLI = "databricks"
ACTIONS: Mapping[str, Sequence[str]] = {
    "validate": ("validate", "--strict"),
    "deploy": ("deploy",),
    "run": ("run",),
    "destroy": ("destroy",),
}
"""The actions on a target, and the CLI's command for each."""


def check(root: Path, target: str, environment: Mapping[str, str]) -> None:
    """Check the values of a target without calling the CLI.

    Args:
        root: The folder of databricks.yml.
        target: The target.
        environment: The environment variables of the process.

    Raises:
        SettingsError: A value is missing or invalid; the message names each of them.
    """
    bundle = read_bundle(root)
    values = target_values(bundle, target, given_values(root, target, environment))
    if found := faults(bundle, target, values):
        raise SettingsError("\n  ".join([f"target {target} was not changed:", *found]))


def call(root: Path, action: str, target: str, environment: Mapping[str, str], more: Sequence[str] = ()) -> int:
    """Check the values of a target and call the CLI.

    Args:
        root: The folder of databricks.yml.
        action: One of `ACTIONS`.
        target: The target.
        environment: The environment variables of the process.
        more: Further arguments for the CLI, such as the job to run.

    Returns:
        The CLI's exit code.

    Raises:
        SettingsError: A value is missing or invalid, or the CLI is not installed.
    """
    check(root, target, environment)
    cli = shutil.which(CLI, path=environment.get("PATH"))
    if cli is None:
        raise SettingsError(
            f"expected the Databricks CLI as {CLI} on the path, found none; "
            "to install it, see docs.databricks.com/dev-tools/cli/install"
        )
    command = [cli, "bundle", *ACTIONS[action], "--target", target, *more]
    return subprocess.run(command, cwd=root, env=dict(environment), check=False).returncode
