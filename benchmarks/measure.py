"""What the benchmarks share: a clock, and a measure with the command that made it."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import perf_counter


@dataclass(frozen=True)
class Measure:
    """One measured thing against its yardstick, both taken in the same run.

    Attributes:
        name: What was measured.
        found: Its figure, with its unit.
        yardstick: What it is held against, with its figure.
        ratio: The one divided by the other, in words.
    """

    name: str
    found: str
    yardstick: str
    ratio: str


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
