"""Run the whole pipeline on this machine, batch and stream: source, API, Kafka, Kinesis, Spark, answers, report."""

import argparse
from pathlib import Path

from rich.console import Console

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.post.source.connection import without_password
from tooling.demo.run import DemoSettings, run_demo
from tooling.local_cloud.cloud import LocalCloud


def main() -> None:
    """Run the demo as the command line asks."""
    options = _arguments()
    console = Console()
    settings = DemoSettings(rows=options.rows, source=without_password(options.source), output=options.output)

    def linger(cloud: LocalCloud) -> None:
        if options.keep:
            _keep(cloud, console)

    run_demo(settings, console, linger)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="number of generated rows of each table")
    parser.add_argument(
        "--source",
        default="",
        help="database URL, or folder with pin.jsonl, geo.jsonl and user.jsonl; by default rows are generated",
    )
    parser.add_argument("--output", type=Path, default=Path("demo-output"), help="folder for report.html and answers/")
    parser.add_argument("--keep", action="store_true", help="keep the local cloud running until Ctrl-C")
    options = parser.parse_args()
    if options.rows < 0:
        raise SettingsError(f"--rows must be 0 or more; got {options.rows}")
    return options


def _keep(cloud: LocalCloud, console: Console) -> None:
    places = f"API {cloud.api_url}, Kafka {cloud.bootstrap}, Kinesis {cloud.kinesis_url}"
    console.print(f"The local cloud runs on: {places}. Ctrl-C stops it.")
    cloud.run_until_stopped()
