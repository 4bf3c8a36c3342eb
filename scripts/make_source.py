"""Create a source database: the three tables that posting reads, with generated rows."""

import argparse
import os
from pathlib import Path

from rich.console import Console

from pinterest_pipeline.console import run_script
from pinterest_pipeline.post.source.connection import without_password
from pinterest_pipeline.post.source.opening import read_credentials
from tooling.demo.sample_data.source_data import fill_source


def main() -> None:
    """Read the command line, fill the database and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="rows per table (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same rows (default: %(default)s)")
    parser.add_argument(
        "--url", default="sqlite:///source.db", help="SQLAlchemy URL, without a password (default: %(default)s)"
    )
    parser.add_argument("--replace", action="store_true", help="drop the three tables if they exist")
    parser.add_argument("--credentials-file", type=Path, help="file of NAME=value lines; only its owner may read it")
    options = parser.parse_args()
    settings = {**os.environ, **(read_credentials(options.credentials_file) if options.credentials_file else {})}
    fill_source(without_password(options.url), options.rows, options.seed, replace=options.replace, settings=settings)
    Console(highlight=False).print(f"3 tables of {options.rows:,} rows each, made with seed {options.seed}")


if __name__ == "__main__":
    run_script(main)
