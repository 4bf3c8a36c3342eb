"""Post the rows of a source database, or of a folder of JSON-lines files, to the pipeline's topics.

Run the same command again after any interruption: it resumes after the last confirmed rows. With a dead-letter file as
its source it posts those rows again: posted rows are removed from the file, the others stay with their newest reason.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from pinterest_pipeline.console import NOT_ALL
from pinterest_pipeline.entities import Entity
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.batch import PostSettings, Tally, post_batch
from pinterest_pipeline.post.commands.options import open_endpoints, posting_parser
from pinterest_pipeline.post.dead_letters import DeadLetters
from pinterest_pipeline.post.reposting import post_again


def main() -> None:
    """Post the rows that are not posted yet, and print a summary.

    Raises:
        SystemExit: With code 1 if rows are in the dead-letter file.
        KeyboardInterrupt: After Ctrl-C or another signal, after printing how to resume.
    """
    options = _parser().parse_args()
    console = Console(stderr=True)
    endpoints = open_endpoints(options)
    settings = PostSettings(
        api=options.api,
        names=endpoints.names,
        progress=options.progress,
        dead_letters=options.dead_letters,
        pace=Pace(records_per_request=options.records_per_request, in_flight=options.in_flight),
        auth=endpoints.auth,
        insecure_http=options.insecure_http,
        restart=options.restart,
    )
    again = isinstance(endpoints.source, DeadLetters)
    kept, dead_letters = (options.source, options.source) if again else (options.progress, options.dead_letters)
    tallies = dict[Entity, Tally]()
    try:
        with _bars(console) as bars:
            if isinstance(endpoints.source, DeadLetters):
                post_again(endpoints.source, settings, _shown(bars, tallies))
            else:
                post_batch(endpoints.source, settings, _shown(bars, tallies))
    except KeyboardInterrupt:
        console.print(f"Progress is kept in {kept}: run the same command again to resume.")
        raise
    finally:
        # However the run ended.
        if tallies:
            Console().print(_summary([*tallies.values()]))
    for line in endpoints.source.left():
        console.print(line, soft_wrap=True, highlight=False)
    dead = sum(tally.dead + tally.dead_already for tally in tallies.values())
    if dead:
        console.print(f"{dead:,} rows could not be posted; they are in {dead_letters}, each with its reason.")
        sys.exit(NOT_ALL)


def _parser() -> argparse.ArgumentParser:
    parser = posting_parser(__doc__ or "", PostSettings.dead_letters)
    parser.add_argument("--progress", type=Path, default=PostSettings.progress, help="default: %(default)s")
    parser.add_argument(
        "--records-per-request", type=int, default=Pace.records_per_request, help="default: %(default)s"
    )
    parser.add_argument(
        "--in-flight", type=int, default=Pace.in_flight, help="concurrent requests; default: %(default)s"
    )
    parser.add_argument(
        "--restart", action="store_true", help="discard the progress of earlier runs and post every row"
    )
    return parser


def _bars(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description:4}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>8,.0f} rows/s"),
        TimeRemainingColumn(),
        console=console,
    )


def _shown(bars: Progress, tallies: dict[Entity, Tally]) -> Callable[[Tally], None]:
    """Return a callback that keeps and draws tallies: one bar per entity, starting at the progress of earlier runs."""
    tasks: dict[str, tuple[TaskID, float]] = {}

    def show(tally: Tally) -> None:
        name, tallies[tally.entity] = tally.entity.name, tally
        if name not in tasks:
            tasks[name] = bars.add_task(name, total=tally.rows, rate=0.0), time.monotonic()
        task, began = tasks[name]
        rate = tally.read / max(time.monotonic() - began, 0.001)
        bars.update(task, completed=tally.already + tally.dead_already + tally.read, rate=rate)

    return show


def _summary(tallies: Sequence[Tally]) -> Table:
    repeated = any(tally.repeated for tally in tallies)
    table = Table("", "rows in source", "posted before", "read", "posted", "dead letters")
    if repeated:
        table.add_column("maybe twice")
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in tallies:
        dead = tally.dead + tally.dead_already
        counts = [tally.rows, tally.already, tally.read, tally.posted, dead]
        if repeated:
            counts.append(tally.repeated)
        table.add_row(tally.entity.name, *(f"{count:,}" for count in counts))
    return table
