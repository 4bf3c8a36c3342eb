"""Post the rows of a source database, or of a folder of JSON-lines files, to the pipeline's topics.

Run the same command again after a stop of any kind: it goes on where the rows were last confirmed. Exit code 0 says
that every row is in, 1 that some are in the dead-letter file, 2 that something must be mended first.
"""

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table

from pinterest_pipeline.console import run_script
from pinterest_pipeline.entities import Entity, Names
from pinterest_pipeline.post.batch import PostSettings, Tally, post_batch
from pinterest_pipeline.post.client import Pace
from pinterest_pipeline.post.connection import without_password
from pinterest_pipeline.post.signing import AuthKind, open_auth
from pinterest_pipeline.post.source import open_source, read_credentials

SOME_ARE_DEAD = 1


def main() -> None:
    """Post what is not posted yet and say what became of it.

    Raises:
        SystemExit: With code 1 where rows are in the dead-letter file.
        KeyboardInterrupt: After Ctrl-C, once it is said how to go on.
    """
    options = _parser().parse_args()
    console = Console(stderr=True)
    secrets = {**os.environ, **(read_credentials(options.credentials_file) if options.credentials_file else {})}
    settings = PostSettings(
        api=options.api,
        names=Names(options.prefix),
        progress=options.progress,
        dead_letters=options.dead_letters,
        pace=Pace(records_per_request=options.records_per_request, in_flight=options.in_flight),
        auth=open_auth(AuthKind(options.auth), options.api, options.region, secrets),
        insecure_http=options.insecure_http,
        restart=options.restart,
    )
    source = open_source(without_password(options.source), secrets)
    try:
        with _bars(console) as bars:
            tallies = post_batch(source, settings, _shown(bars))
    except KeyboardInterrupt:
        console.print(f"What is confirmed is kept in {options.progress}: run the same command again to go on.")
        raise
    Console().print(_summary(tallies))
    dead = sum(tally.dead + tally.dead_already for tally in tallies)
    if dead:
        console.print(f"{dead:,} rows can never pass; they are in {options.dead_letters}, each with its reason.")
        sys.exit(SOME_ARE_DEAD)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--source",
        default="",
        help="database URL without a password, or folder (default: SOURCE_DATABASE_URL)",
    )
    parser.add_argument("--api", required=True, help="the API's URL, with its stage")
    parser.add_argument("--prefix", required=True, help="what topic names begin with: the deployment's id")
    parser.add_argument("--credentials-file", type=Path, help="file of NAME=value lines that only you may read")
    parser.add_argument("--auth", choices=[*AuthKind], default=AuthKind.NONE, help="how the API knows you")
    parser.add_argument("--region", help="the API's AWS region, where its URL does not tell")
    parser.add_argument("--progress", type=Path, default=PostSettings.progress, help="default: %(default)s")
    parser.add_argument("--dead-letters", type=Path, default=PostSettings.dead_letters, help="default: %(default)s")
    parser.add_argument(
        "--records-per-request", type=int, default=Pace.records_per_request, help="default: %(default)s"
    )
    parser.add_argument("--in-flight", type=int, default=Pace.in_flight, help="requests at once; default: %(default)s")
    parser.add_argument("--insecure-http", action="store_true", help="allow plain http to another machine")
    parser.add_argument("--restart", action="store_true", help="forget what was posted before")
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


def _shown(bars: Progress) -> Callable[[Tally], None]:
    """Return what draws a tally: one bar an entity, which begins where earlier runs stopped."""
    tasks: dict[Entity, tuple[TaskID, float]] = {}

    def show(tally: Tally) -> None:
        if tally.entity not in tasks:
            task = bars.add_task(tally.entity.name, total=tally.rows, rate=0.0)
            tasks[tally.entity] = task, time.monotonic()
        task, began = tasks[tally.entity]
        rate = tally.read / max(time.monotonic() - began, 0.001)
        bars.update(task, completed=tally.already + tally.dead_already + tally.read, rate=rate)

    return show


def _summary(tallies: Sequence[Tally]) -> Table:
    repeated = any(tally.repeated for tally in tallies)
    table = Table("", "in the source", "posted before", "read", "posted", "dead letters")
    if repeated:
        table.add_column("perhaps twice")
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in tallies:
        dead = tally.dead + tally.dead_already
        counts = [tally.rows, tally.already, tally.read, tally.posted, dead]
        if repeated:
            counts.append(tally.repeated)
        table.add_row(tally.entity.name, *(f"{count:,}" for count in counts))
    return table


if __name__ == "__main__":
    run_script(main)
