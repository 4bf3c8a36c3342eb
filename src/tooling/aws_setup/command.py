"""Plan, create, show and remove everything that the pipeline needs in an AWS account.

  example   print an example settings file with every default, to be saved as aws.toml
  plan      show what apply would change, and what it costs a month; changes nothing
  apply     make the stacks match the settings; safe to repeat and to interrupt
  status    show stacks, outputs and the steps left to you
  drift     show changes that were made outside of CloudFormation
  destroy   remove the deployment; refuses while it holds data, unless an option says what to do with it

Credentials come from AWS's usual places: a profile, a role or the environment.
"""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console

from pinterest_pipeline.console import EXIT_CODES, NOT_ALL, ask
from tooling.aws_setup.applying import apply
from tooling.aws_setup.clients import aws_says, open_clients
from tooling.aws_setup.costs import monthly_costs, read_prices
from tooling.aws_setup.deployment import Deployment
from tooling.aws_setup.display import Shown, cost_table, drift_table, plan_table, status_tables
from tooling.aws_setup.drift import find_drift
from tooling.aws_setup.planning import plan
from tooling.aws_setup.removal import Data, destroy
from tooling.aws_setup.settings import example, read_settings
from tooling.aws_setup.status import known_outputs, status_of


def main() -> None:
    """Do what the command line asks for.

    Raises:
        SystemExit: With code 1 where drift was found.
        KeyboardInterrupt: After Ctrl-C, once the running operation in AWS is named.
    """
    options = _parser().parse_args()
    if options.command == "example":
        sys.stdout.write(example())
        return
    settings = read_settings(options.settings)
    deployment = Deployment(settings, open_clients(settings.region, options.profile))
    console = Console()
    # On the other channel: with --json the output is JSON alone.
    Console(stderr=True).print(
        f"{settings.prefix} in {settings.region}, account {_account(deployment)}", highlight=False
    )
    match options.command:
        case "plan":
            _plan(deployment, console)
        case "apply":
            _apply(deployment, console, options)
        case "status" if options.json:
            sys.stdout.write(json.dumps(dict(known_outputs(settings, deployment.states())), indent=2) + "\n")
        case "status":
            for part in status_tables(status_of(deployment)):
                console.print(part, soft_wrap=not hasattr(part, "columns"))
        case "drift":
            _drift(deployment, console)
        case "destroy":
            _destroy(deployment, console, options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=EXIT_CODES, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--settings", type=Path, default=Path("aws.toml"), help="default: %(default)s")
    common.add_argument("--profile", help="AWS profile; default: AWS_PROFILE, then the default credential chain")
    sure = argparse.ArgumentParser(add_help=False)
    sure.add_argument("--yes", action="store_true", help="do not ask")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("example", help="print an example settings file")
    commands.add_parser("plan", parents=[common], help="show what apply would change")
    making = commands.add_parser("apply", parents=[common, sure], help="make the stacks match the settings")
    making.add_argument("--allow-data-loss", action="store_true", help="replace or remove even what holds data")
    showing = commands.add_parser("status", parents=[common], help="show stacks, outputs and the steps left to you")
    showing.add_argument("--json", action="store_true", help="all outputs as JSON, for other programs")
    commands.add_parser("drift", parents=[common], help="show changes made outside of CloudFormation")
    removing = commands.add_parser("destroy", parents=[common, sure], help="remove the deployment")
    data = removing.add_mutually_exclusive_group()
    data.add_argument(
        "--keep-data",
        dest="data",
        action="store_const",
        const=Data.KEEP,
        default=Data.REFUSE,
        help="keep buckets and database; records in streams and topics are lost",
    )
    data.add_argument(
        "--delete-data", dest="data", action="store_const", const=Data.DELETE, help="remove everything, data included"
    )
    return parser


def _account(deployment: Deployment) -> str:
    with aws_says("cannot get the caller's identity from AWS"):
        return deployment.clients.sts.get_caller_identity()["Account"]


def _plan(deployment: Deployment, console: Console) -> int:
    with console.status("asking CloudFormation ..."):
        planned = [*plan(deployment)]
    console.print(plan_table(planned))
    prices = read_prices()
    resources = [resource for one in planned for resource in one.resources]
    console.print(cost_table(monthly_costs(deployment.settings, resources, prices), prices))
    return sum(len(one.changes) + bool(one.note) for one in planned)


def _apply(deployment: Deployment, console: Console, options: argparse.Namespace) -> None:
    if not options.yes:
        changes = _plan(deployment, console)
        if changes:
            ask("Apply this?")
    with Shown(console) as shown:
        try:
            apply(deployment, shown, allow_data_loss=options.allow_data_loss)
        except KeyboardInterrupt:
            shown.note("CloudFormation continues the operation: run apply again to follow it to its end.")
            raise
    console.print(f"{shown.changed.total():,} resources changed; `status` shows the outputs", highlight=False)


def _drift(deployment: Deployment, console: Console) -> None:
    with console.status("CloudFormation is comparing ..."):
        drifts = [*find_drift(deployment)]
    if not drifts:
        console.print("No drift: every resource matches its template.")
        return
    console.print(drift_table(drifts))
    console.print("Change the settings and apply, or revert the manual changes.")
    sys.exit(NOT_ALL)


def _destroy(deployment: Deployment, console: Console, options: argparse.Namespace) -> None:
    if not options.yes:
        loss = "and ALL DATA IN IT" if options.data is Data.DELETE else ""
        ask(f"Remove the deployment {deployment.settings.prefix} {loss}".strip() + "?")
    with Shown(console) as shown:
        try:
            destroy(deployment, shown, options.data)
        except KeyboardInterrupt:
            shown.note("CloudFormation continues the operation: run destroy again to follow it to its end.")
            raise
