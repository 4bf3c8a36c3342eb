"""Check the values of a target, then validate, deploy, run or destroy the bundle with the Databricks CLI."""

import argparse
import os
import sys
from pathlib import Path

from pinterest_pipeline.console import run_script
from tooling.databricks_setup.bundle.cli import ACTIONS, call


def main() -> None:
    """Read the command line and leave with the exit code of the CLI."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("action", choices=ACTIONS)
    parser.add_argument("target", help="dev, staging or prod")
    options, more = parser.parse_known_args()
    sys.exit(call(Path(__file__).parents[1], options.action, options.target, os.environ, more))


if __name__ == "__main__":
    run_script(main)
