"""Plan, create and check what a bundle cannot declare in a Databricks workspace: credentials and secret values.

  plan    show what apply would change; nothing is changed
  apply   create the credentials of the AWS role, bind and grant them, store secrets; safe to repeat and to interrupt
  check   list everything that is missing, with its fix; exit code 1 if anything is

Names come from the bundle: the target's values, as in `make deploy`. The role trusts a credential only when it has the
credential's external id, which Databricks shows after creating the credential: apply names the steps in between, and a
second apply continues.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from pinterest_pipeline.console import EXIT_CODES, NOT_ALL, ask
from pinterest_pipeline.errors import SettingsError
from tooling.databricks_setup.bundle.values import given_values, read_bundle, target_values
from tooling.databricks_setup.workspace.client import open_workspace
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.keys import ENVIRONMENT, keys_from_environment, keys_from_file
from tooling.databricks_setup.workspace.setup import apply, find_gaps
from tooling.databricks_setup.workspace.wanted import LegacyKeys, wanted

ROOT = Path(__file__).parents[4]


def main() -> None:
    """Do what the command line asks for.

    Raises:
        SystemExit: With code 1 where something is left for the user to do.
    """
    options = command_line().parse_args()
    values = target_values(read_bundle(ROOT), options.target, given_values(ROOT, options.target, os.environ))
    keys = _keys(options)
    workspace = open_workspace(options.profile)
    want = wanted(workspace, options.target, values, options.role_arn, keys)
    console = Console()
    Console(stderr=True).print(
        f"target {want.target} in {workspace.config.host}, workspace {want.workspace_id}, as {want.user}",
        highlight=False,
        soft_wrap=True,
    )
    if options.command == "apply" and options.yes:
        left = apply(workspace, want, lambda gap: _show(console, "done", gap))
    else:
        left = [*find_gaps(workspace, want)]
    if options.command == "apply" and not options.yes and any(gap.repair for gap in left):
        _show_all(console, left)
        ask("Apply this?")
        left = apply(workspace, want, lambda gap: _show(console, "done", gap))
    _show_all(console, left)
    if left and options.command != "plan":
        sys.exit(NOT_ALL)


def command_line() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--target", required=True, help="target of databricks.yml: dev, staging or prod")
    common.add_argument("--profile", help="profile of the Databricks CLI; default: the environment, then DEFAULT")
    common.add_argument(
        "--role-arn", help="ARN of the AWS role of the credentials: DatabricksRoleArn in `set_up_aws.py status`"
    )
    legacy = common.add_argument_group("AWS keys for the legacy mount, where there is no external location")
    source = legacy.add_mutually_exclusive_group()
    source.add_argument(
        "--keys-file", type=Path, help="CSV of the AWS console, or AWS credentials file; private to its owner"
    )
    source.add_argument(
        "--keys-from-environment", action="store_true", help=f"read them from {' and '.join(ENVIRONMENT)}"
    )
    legacy.add_argument("--keys-profile", default="default", help="profile in AWS's credentials file: %(default)s")
    legacy.add_argument("--keys-table", default="", help="also write them to this Delta table, CATALOG.SCHEMA.TABLE")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("plan", parents=[common], help="show what apply would change")
    making = commands.add_parser("apply", parents=[common], help="make it")
    making.add_argument("--yes", action="store_true", help="do not ask")
    commands.add_parser("check", parents=[common], help="list what is missing")
    return parser


def _keys(options: argparse.Namespace) -> LegacyKeys | None:
    if options.keys_file:
        return LegacyKeys(keys_from_file(options.keys_file, options.keys_profile), options.keys_table)
    if options.keys_from_environment:
        return LegacyKeys(keys_from_environment(os.environ), options.keys_table)
    if options.keys_table:
        raise SettingsError("--keys-table needs the keys: give --keys-file or --keys-from-environment")
    return None


def _show_all(console: Console, gaps: Sequence[Gap]) -> None:
    for gap in gaps:
        _show(console, "apply would" if gap.repair else "next", gap)
    if not gaps:
        console.print("Nothing is missing in the workspace.")


def _show(console: Console, mark: str, gap: Gap) -> None:
    colour = {"done": "green", "next": "yellow"}.get(mark, "cyan")
    console.print(Text.assemble((mark, colour), f": {gap.subject}: {gap.problem}; {gap.fix}"), soft_wrap=True)
