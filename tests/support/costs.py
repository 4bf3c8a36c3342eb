"""A pytest plugin that measures each test file: seconds, and processor seconds of all its processes.

With the environment variable TEST_COSTS it adds its table to that file, where `tests.support.side_by_side` finds it.
"""

import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock, Thread

import psutil
import pytest

FILE = "TEST_COSTS"
ROOT = Path(__file__).parents[2]

_LOOK_SECONDS = 0.5
_DEAREST = 15


@dataclass(frozen=True)
class Cost:
    """What the tests of a file, or of a folder, took.

    Attributes:
        tests: How many were run.
        seconds: By the clock.
        processor_seconds: Of the test process and all that it started: Spark's JVM, Python workers, services.
    """

    tests: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0

    def __add__(self, other: "Cost") -> "Cost":
        """Return both together."""
        return Cost(
            self.tests + other.tests,
            self.seconds + other.seconds,
            self.processor_seconds + other.processor_seconds,
        )


class Meter:
    """Processor seconds of a process and all that it started, those included that have ended or were killed.

    The usage of a process is lost when it ends, unless its parent waits for it. So all are polled, and the last value
    of each is kept.
    """

    def __init__(self, root: psutil.Process) -> None:
        self._root = root
        self._used: dict[tuple[int, float], float] = {}
        self._lock = Lock()

    def seconds(self) -> float:
        """Poll all processes; return their total until now."""
        with self._lock:
            for process in (self._root, *self._root.children(recursive=True)):
                # A process that has just ended counts with its last value.
                with suppress(psutil.NoSuchProcess):
                    times = process.cpu_times()
                    self._used[process.pid, process.create_time()] = times.user + times.system
            return sum(self._used.values())

    def watch(self) -> None:
        """Poll twice a second from now on, while this process lives."""
        Thread(target=self._watch, name="costs", daemon=True).start()

    def _watch(self) -> None:
        while True:
            time.sleep(_LOOK_SECONDS)
            self.seconds()


class Costs:
    """Charges each file with what is used until the first test of another one is done."""

    def __init__(self) -> None:
        self.found: dict[str, Cost] = {}
        self._meter = Meter(psutil.Process())
        self._clock, self._used = time.monotonic(), self._meter.seconds()
        self._file = ""
        self._meter.watch()

    def charge(self, file: str) -> None:
        """Charge a file with one more test."""
        if file != self._file:
            self.settle()
            self._file = file
        self._add(Cost(tests=1))

    def settle(self) -> None:
        """Charge the current file with what was used since the last time."""
        clock, used = time.monotonic(), self._meter.seconds()
        if self._file:
            self._add(Cost(seconds=clock - self._clock, processor_seconds=used - self._used))
        self._clock, self._used = clock, used

    def _add(self, cost: Cost) -> None:
        self.found[self._file] = self.found.get(self._file, Cost()) + cost


def table(costs: dict[str, Cost]) -> list[str]:
    """Return the lines of two tables: the costs of all folders, and of the files that cost the most.

    Args:
        costs: By file, as `folder/file`.
    """
    folders: dict[str, Cost] = {}
    for file, cost in costs.items():
        folder = file.split("/")[0]
        folders[folder] = folders.get(folder, Cost()) + cost
    dearest = sorted(costs.items(), key=lambda pair: -pair[1].processor_seconds)[:_DEAREST]
    total = sum(costs.values(), Cost())
    return [*_lines("folder", [*sorted(folders.items()), ("all", total)]), "", *_lines("file", dearest)]


def _lines(title: str, rows: Iterable[tuple[str, Cost]]) -> Iterator[str]:
    yield f"{title:<48}{'tests':>8}{'seconds':>10}{'processor seconds':>20}"
    for name, cost in rows:
        yield f"{name:<48}{cost.tests:>8}{cost.seconds:>10.0f}{cost.processor_seconds:>20.0f}"


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[_COSTS] = Costs()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Charge the test's file, before the test so that its set-up counts; another way to Spark has costs of its own."""
    file, way = item.path.relative_to(ROOT / "tests").as_posix(), item.config.getoption("spark", None)
    item.config.stash[_COSTS].charge(f"over {way}/{file}" if way else file)
    return (yield)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Show the table, and keep it for whoever runs several processes side by side."""
    costs = config.stash[_COSTS]
    costs.settle()
    if file := os.environ.get(FILE):
        with Path(file).open("a", encoding="utf-8") as kept:
            kept.write(json.dumps({name: asdict(cost) for name, cost in costs.found.items()}) + "\n")
        return
    terminalreporter.section("what the tests cost")
    for line in table(costs.found):
        terminalreporter.write_line(line)


_COSTS = pytest.StashKey[Costs]()
