"""Measure the pipeline and write docs/benchmarks.md: every figure with its yardstick, both taken in one run."""

import argparse
import os
import platform
import tempfile
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from benchmarks import generator, posting, source, stages, streaming
from benchmarks.measure import Measure, alone
from pinterest_pipeline.console import run_script
from tooling.local_cloud.kinesis import CREDENTIALS

DOCUMENT = Path(__file__).parents[1] / "docs" / "benchmarks.md"


def main() -> None:
    """Measure everything, print it and write the page."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000, help="pins that are refined")
    parser.add_argument("--posted-rows", type=int, default=20_000, help="rows of each table that are posted")
    parser.add_argument("--stream-records", type=int, default=250_000, help="records in each stream of the source")
    streaming.add_sizes(parser)
    options = parser.parse_args()
    # Before any Spark: its Python workers have the environment that the first session's JVM was started in.
    os.environ.update(CREDENTIALS)
    with tempfile.TemporaryDirectory(prefix="pinterest-bench-") as folder:
        measures = [
            generator.measure(options.rows // 10),
            posting.measure(Path(folder), options.posted_rows),
            *alone(stages.measure, Path(folder), options.rows),
            stages.measure_small_work(Path(folder)),
            *alone(streaming.measure, Path(folder), streaming.sizes(options)),
            *alone(source.measure, Path(folder) / "source", options.stream_records),
        ]
    DOCUMENT.write_text(document(measures, options), encoding="utf-8")
    Console(highlight=False, soft_wrap=True).print(DOCUMENT.read_text(encoding="utf-8"), markup=False)


def document(measures: list[Measure], options: argparse.Namespace) -> str:
    """Return the Markdown that says what was measured, how and on what."""
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    arguments = " ".join(f"--{name.replace('_', '-')} {value}" for name, value in vars(options).items())
    made = (
        f'Made by `make bench ARGS="{arguments}"` on {datetime.now(UTC):%Y-%m-%d}, {machine}.\n'
        "Machines differ and are noisy: the ratios are what to look at; each is taken in one run."
    )
    head = ["# Benchmarks", "", made, "", "| what | found | held against | ratio |", "|---|---|---|---|"]
    lines = [f"| {m.name} | {m.found} | {m.yardstick} | {m.ratio} |" for m in measures]
    return "\n".join([*head, *lines, ""])


if __name__ == "__main__":
    run_script(main)
