"""Post rows of a source database, or of a folder of JSON-lines files, to the pipeline's streams.

Post after post goes in random order at a steady rate, each with its row of all three tables; once every row has gone,
a new round begins in another order. Ctrl-C, SIGTERM or SIGHUP sends what is read already and says what was sent; a
second one stops at once.
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
from pinterest_pipeline.post.commands.options import open_ends, posting_parser
from pinterest_pipeline.post.dead_letters import DeadLetters
from pinterest_pipeline.post.stream import StreamSettings, StreamTally, post_stream

DRAW_SECONDS, LINE_SECONDS = 0.25, 5.0
RATE_SECONDS = 5.0
"""The rate that is shown is that of so many last seconds."""


class Board:
    """What is known of each entity, and how fast its rows go."""

    def __init__(self) -> None:
        """Begin with nothing sent."""
        self._tallies = {entity: StreamTally(entity) for entity in ENTITIES}
        self._began = time.monotonic()
        self._past = deque([(self._began, self._tallies)])

    @property
    def tallies(self) -> tuple[StreamTally, ...]:
        """What is known of each entity."""
        return tuple(self._tallies.values())

    def update(self, tally: StreamTally) -> None:
        """Take what is known now."""
        self._tallies = self._tallies | {tally.entity: tally}

    def rate(self, entity: Entity) -> float:
        """Return how many rows a second were confirmed in the last seconds."""
        now = time.monotonic()
        while len(self._past) > 1 and self._past[0][0] < now - RATE_SECONDS:
            self._past.popleft()
        self._past.append((now, self._tallies))
        began, before = self._past[0]
        return (self._tallies[entity].sent - before[entity].sent) / max(now - began, 0.001)

    def average(self, entity: Entity) -> float:
        """Return how many rows a second were confirmed since the beginning."""
        return self._tallies[entity].sent / max(time.monotonic() - self._began, 0.001)


def main() -> None:
    """Post until the count is reached or Ctrl-C, and say what became of the rows.

    Raises:
        SettingsError: The source is a dead-letter file.
        SystemExit: With code 1 where rows are in the dead-letter file.
        KeyboardInterrupt: After Ctrl-C or another signal, once it is said what was sent.
    """
    options = _parser().parse_args()
    console = Console(stderr=True)
    ends = open_ends(options)
    if isinstance(ends.source, DeadLetters):
        raise SettingsError(f"{options.source} is a dead-letter file: its rows are posted again by post_batch.py")
    source = ends.source
    settings = StreamSettings(
        api=options.api,
        names=ends.names,
        count=options.count,
        rate=options.rate,
        seed=secrets.randbelow(2**32) if options.seed is None else options.seed,
        one_at_a_time=options.one_at_a_time,
        dead_letters=options.dead_letters,
        auth=ends.auth,
        insecure_http=options.insecure_http,
    )
    console.print(f"The order of --seed {settings.seed}.", highlight=False)
    board, stop = Board(), Event()
    # In a thread of its own: Ctrl-C then meets one that does nothing but watch.
    with ThreadPoolExecutor(1) as pool:
        posting = pool.submit(post_stream, source, settings, board.update, stop)
        try:
            stopped = _watch_to_the_end(posting, board, stop, console)
        finally:
            # However watching ended: posting must not go on unseen.
            stop.set()
    Console().print(_table(board, whole=True))
    posting.result()
    _say_what_is_not_in(board, settings, console)
    for line in source.left():
        console.print(line, soft_wrap=True, highlight=False)
    if stopped:
        raise stopped
    if any(tally.dead for tally in board.tallies):
        sys.exit(NOT_ALL)


def _parser() -> argparse.ArgumentParser:
    parser = posting_parser(__doc__ or "", StreamSettings.dead_letters)
    parser.add_argument("--count", type=int, help="how many posts, each a row of every table (default: no end)")
    parser.add_argument(
        "--rate",
        type=float,
        default=StreamSettings.rate,
        help="posts a second, which is rows a second of each table; 0 for as fast as it goes (default: %(default)g)",
    )
    parser.add_argument("--seed", type=int, help="the same seed and source give the same order (default: any)")
    parser.add_argument("--one-at-a-time", action="store_true", help="give each row a request of its own")
    return parser


def _watch_to_the_end(
    posting: Future[tuple[StreamTally, ...]], board: Board, stop: Event, console: Console
) -> KeyboardInterrupt | None:
    """Show what happens until posting ends, and return the signal that ended it; None where none did."""
    try:
        _watch(posting, board, console)
        return None
    except KeyboardInterrupt as first:
        stop.set()
        try:
            console.print("stopping: what is read already goes out; Ctrl-C again stops at once")
            _watch(posting, board, console)
        except KeyboardInterrupt as second:
            Console().print(_table(board, whole=True))
            console.print("stopped at once: rows that waited may be in or not")
            # The threads that still wait for answers would hold up an exit in good order.
            os._exit(exit_code(second))
        return first


def _watch(posting: Future[tuple[StreamTally, ...]], board: Board, console: Console) -> None:
    """Show what happens until posting ends: drawn on a terminal, else a line now and then."""
    drawn = Live(console=console, auto_refresh=False, transient=True) if console.is_terminal else nullcontext()
    with drawn as live:
        while wait([posting], DRAW_SECONDS if live else LINE_SECONDS).not_done:
            if live:
                live.update(_table(board, whole=False), refresh=True)
            else:
                line = " · ".join(_line(board, tally) for tally in board.tallies)
                console.print(line, highlight=False, soft_wrap=True)


def _line(board: Board, tally: StreamTally) -> str:
    counts = f"{tally.sent:,} sent, {tally.repeated:,} perhaps twice, {tally.dead:,} dead"
    times = f"p50 {tally.p50 * 1000:,.0f} ms, p99 {tally.p99 * 1000:,.0f} ms"
    return f"{tally.entity.name}: {counts}, {board.rate(tally.entity):,.0f} rows/s, {times}"


def _table(board: Board, *, whole: bool) -> Table:
    """Draw what is known; the rates are those of the whole run or of the last seconds."""
    titles = ("", "sent", "rows/s", "perhaps twice", "dead letters", "waiting", "requests", "p50 ms", "p99 ms")
    table = Table(*titles, box=None)
    for column in table.columns[1:]:
        column.justify = "right"
    for tally in board.tallies:
        rate = board.average(tally.entity) if whole else board.rate(tally.entity)
        counts = [tally.sent, rate, tally.repeated, tally.dead, tally.waiting, tally.requests]
        table.add_row(tally.entity.name, *(f"{n:,.0f}" for n in [*counts, tally.p50 * 1000, tally.p99 * 1000]))
    return table


def _say_what_is_not_in(board: Board, settings: StreamSettings, console: Console) -> None:
    dead = sum(tally.dead for tally in board.tallies)
    waiting = sum(tally.waiting for tally in board.tallies)
    if dead:
        console.print(f"{dead:,} rows can never pass; they are in {settings.dead_letters}, each with its reason.")
    if waiting:
        console.print(f"{waiting:,} rows had no answer in time; they may be in or not.")
