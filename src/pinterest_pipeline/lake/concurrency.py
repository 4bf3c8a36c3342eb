"""Does the same for several tables at once."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")

_AT_ONCE = 4


def concurrently(function: Callable[[Item], Outcome], items: Iterable[Item]) -> list[Outcome]:
    """Call a function with every item, four at a time, and return the results in the items' order.

    Each call waits for the catalog or a commit most of the time: several take little longer than one.

    Args:
        function: What to do with one.
        items: Tables, or what there is a table of.

    Raises:
        Exception: The error of the first item whose call failed; calls that have begun are finished first.
    """
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(function, items))
