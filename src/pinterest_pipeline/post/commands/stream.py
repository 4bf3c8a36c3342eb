"""Post rows of a source database, or of a folder of JSON-lines files, to the pipeline's streams.

Posts are sent in random order at a steady rate, each with its rows of all three tables; after all of them a new round
starts in another order. Ctrl-C, SIGTERM or SIGHUP sends the rows already read and prints a summary; a second signal
stops immediately.
"""

import argparse
import os
import secrets
import sys
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import nullcontext
from threading import Event

from rich.console import Console
from rich.live import Live
from rich.table import Table

from pinterest_pipeline.console import NOT_ALL, exit_code
from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.post.commands.options import open_endpoints, posting_parser
from pinterest_pipeline.post.dead_letters import DeadLetters
from pinterest_pipeline.post.stream import StreamSettings, StreamTally, post_stream

DRAW_SECONDS, LINE_SECONDS = 0.25, 5.0
RATE_SECONDS = 5.0
"""The displayed rate is the average of this many seconds."""


class Board:
    """The latest tally and rate of each entity."""

    def __init__(self) -> None:
        """Start with empty tallies."""
        self._tallies = {entity: StreamTally(entity) for entity in ENTITIES}
        self._began = time.monotonic()
        self._past = deque([(self._began, self._tallies)])

    @property
    def tallies(self) -> tuple[StreamTally, ...]:
        """The latest tally of each entity."""
        return tuple(self._tallies.values())

    def update(self, tally: StreamTally) -> None:
        """Replace the tally of an entity."""
        self._tallies = self._tallies | {tally.entity: tally}

    def rate(self, entity: Entity) -> float:
        """Return the confirmed rows per second, averaged over the last seconds."""
        now = time.monotonic()
        while len(self._past) > 1 and self._past[0][0] < now - RATE_SECONDS:
            self._past.popleft()
        self._past.append((now, self._tallies))
        began, before = self._past[0]
        return (self._tallies[entity].sent - before[entity].sent) / max(now - began, 0.001)

    def average(self, entity: Entity) -> float:
        """Return the confirmed rows per second, averaged over the run."""
        return self._tallies[entity].sent / max(time.monotonic() - self._began, 0.001)


def main() -> None:
    """Post until the count is reached or a signal arrives, and print a summary.

    Raises:
        SettingsError: The source is a dead-letter file.
        SystemExit: With code 1 if rows are in the dead-letter file.
        KeyboardInterrupt: After Ctrl-C or another signal, after printing the summary.
    """
    options = _parser().parse_args()
    console = Console(stderr=True)
    endpoints = open_endpoints(options)
    if isinstance(endpoints.source, DeadLetters):
        raise SettingsError(f"{options.source} is a dead-letter file: post its rows again with post_batch.py")
    source = endpoints.source
    settings = StreamSettings(
        api=options.api,
        names=endpoints.names,
        count=options.count,
        rate=options.rate,
        seed=secrets.randbelow(2**32) if options.seed is None else options.seed,
        one_at_a_time=options.one_at_a_time,
        dead_letters=options.dead_letters,
        auth=endpoints.auth,
        insecure_http=options.insecure_http,
    )
    console.print(f"Random order with --seed {settings.seed}.", highlight=False)
    board, stop = Board(), Event()
    # In a separate thread: Ctrl-C is then raised in the main thread, which only watches.
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(post_stream, source, settings, board.update, stop)
        try:
            stopped = _watch_to_the_end(posting, board, stop, console)
        finally:
            # However watching ended: posting must not continue unwatched.
            stop.set()
    Console().print(_table(board, whole=True))
    posting.result()
    _report_unposted(board, settings, console)
    for line in source.left():
        console.print(line, soft_wrap=True, highlight=False)
    if stopped:
        raise stopped
    if any(tally.dead for tally in board.tallies):
        sys.exit(NOT_ALL)


def _parser() -> argparse.ArgumentParser:
    parser = posting_parser(__doc__ or "", StreamSettings.dead_letters)
    parser.add_argument(
        "--count", type=int, help="number of posts, each with its rows of every table (default: unlimited)"
    )
    parser.add_argument(
        "--rate",
        type=float,
        default=StreamSettings.rate,
        help="posts per second, which is rows per second of each table; 0 for unlimited (default: %(default)g)",
    )
    parser.add_argument(
        "--seed",
        type=int,
        help="seed of the order, which it determines for a source (default: random)",
    )
    parser.add_argument("--one-at-a-time", action="store_true", help="send each row in a request of its own")
    return parser


def _watch_to_the_end(
    posting: Future[tuple[StreamTally, ...]], board: Board, stop: Event, console: Console
) -> KeyboardInterrupt | None:
    """Show progress until posting ends, and return the signal that ended it, if one did."""
    try:
        _watch(posting, board, console)
        return None
    except KeyboardInterrupt as first:
        stop.set()
        try:
            console.print("stopping after the rows already read are sent; Ctrl-C again stops immediately")
            _watch(posting, board, console)
        except KeyboardInterrupt as second:
            Console().print(_table(board, whole=True))
            console.print("stopped immediately: waiting rows may or may not have been posted")
            # Threads waiting for responses would block a normal exit.
            os._exit(exit_code(second))
        return first


def _watch(posting: Future[tuple[StreamTally, ...]], board: Board, console: Console) -> None:
    """Show progress until posting ends: a table on a terminal, else a line every few seconds."""
    drawn = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else nullcontext()
    with drawn as live:
        while wait([posting], DRAW_SECONDS if live else LINE_SECONDS).not_done:
            if live:
                live.update(_table(board, whole=False), refresh=True)
            else:
                line = " · ".join(_line(board, tally) for tally in board.tallies)
                console.print(line, highlight=False, soft_wrap=True)


def _line(board: Board, tally: StreamTally) -> str:
    counts = f"{tally.sent:,} sent, {tally.repeated:,} maybe twice, {tally.dead:,} dead"
    times = f"p50 {tally.p50 * 1000:,.0f} ms, p99 {tally.p99 * 1000:,.0f} ms"
    return f"{tally.entity.name}: {counts}, {board.rate(tally.entity):,.0f} rows/s, {times}"


def _table(board: Board, *, whole: bool) -> Table:
    """Return the table of tallies, with the rates of the whole run or of the last seconds."""
    titles = ("", "sent", "rows/s", "maybe twice", "dead letters", "waiting", "requests", "p50 ms", "p99 ms")
    table = Table(*titles, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in board.tallies:
        rate = board.average(tally.entity) if whole else board.rate(tally.entity)
        counts = [tally.sent, rate, tally.repeated, tally.dead, tally.waiting, tally.requests]
        table.add_row(tally.entity.name, *(f"{n:,.0f}" for n in [*counts, tally.p50 * 1000, tally.p99 * 1000]))
    return table


def _report_unposted(board: Board, settings: StreamSettings, console: Console) -> None:
    dead = sum(tally.dead for tally in board.tallies)
    waiting = sum(tally.waiting for tally in board.tallies)
    if dead:
        console.print(f"{dead:,} rows could not be posted; they are in {settings.dead_letters}, each with its reason.")
    if waiting:
        console.print(f"{waiting:,} rows had no response in time; they may or may not have been posted.")
