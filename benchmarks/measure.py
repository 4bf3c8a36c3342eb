"""What the benchmarks share: a clock, and a measure with the command that made it."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from time import perf_counter
from typing import ParamSpec, TypeVar

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


@dataclass(frozen=True)
class Measure:
    """One measurement against its yardstick, both taken in the same run.

    Attributes:
        name: What was measured.
        found: Its value, with its unit.
        yardstick: The comparison, with its value.
        ratio: The one divided by the other, in words.
    """

    name: str
    found: str
    yardstick: str
    ratio: str


def alone(measure: Callable[Arguments, Found], *arguments: Arguments.args, **named: Arguments.kwargs) -> Found:
    """Measure in a process of its own: a JVM keeps the options that it was started with.

    Args:
        measure: A function of a module.
        arguments: Its arguments.
        named: Those that are named.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure, *arguments, **named).result()


@dataclass
class Stopwatch:
    """Seconds that passed inside a `with timed()` block."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Stopwatch]:
    """Time a block."""
    watch, started = Stopwatch(), perf_counter()
    yield watch
    watch.seconds = perf_counter() - started
