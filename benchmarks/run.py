"""Measure the pipeline and write docs/benchmarks.md: every figure with its yardstick, both taken in one run."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import generator, posting, stages
from benchmarks.measure import Measure
from pinterest_pipeline.console import run_script

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Measure everything, show it and write it down."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="pins that are refined")
    parser.add_argument("--posted-rows", type=int, default=20_000, help="rows of each table that are posted")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="pinterest-bench-") as folder:
        measures = [
            generator.measure(options.rows // 10),
            posting.measure(Path(folder), options.posted_rows),
            *stages.measure(Path(folder), options.rows),
        ]
    DOCUMENT.write_text(document(measures, options.rows, options.posted_rows), encoding="utf-8")
    Console(highlight=False, soft_wrap=True).print(DOCUMENT.read_text(encoding="utf-8"), markup=False)


def document(measures: list[Measure], rows: int, posted_rows: int) -> str:
    """Return the Markdown that says what was measured, how and on what."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    made = (
        f'Made by `make bench ARGS="--rows {rows} --posted-rows {posted_rows}"` on {datetime.now(UTC):%Y-%m-%d}, '
        f"{machine}.\nMachines differ and are noisy: the ratios are what to look at; each is taken in one run."
    )
    head = ["# Benchmarks", "", made, "", "| what | found | held against | ratio |", "|---|---|---|---|"]
    lines = [f"| {m.name} | {m.found} | {m.yardstick} | {m.ratio} |" for m in measures]
    return "\n".join([*head, *lines, ""])


if __name__ == "__main__":
    run_script(main)
