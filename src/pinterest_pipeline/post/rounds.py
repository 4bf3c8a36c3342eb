"""An endless random order: each round has every number once; none are held in memory."""

import math
from collections.abc import Iterator
from hashlib import blake2b
from itertools import count

_MIXES = 4


def random_order(total: int, seed: int) -> Iterator[int]:
    """Yield the numbers below `total` in a random order, then all of them in another order, and so on.

    The same total and seed give the same order, on any machine.
    """
    for number in count():
        for place in range(total):
            yield shuffled(place, total, f"{seed}/{number}")


def shuffled(place: int, total: int, salt: str) -> int:
    """Return the number below `total` at a position of the permutation given by a salt.

    A Feistel network over a grid barely larger than `total`: each step is invertible, so no two positions share a
    number; results outside the range are permuted again until they are inside (cycle walking).
    """
    width = math.isqrt(total - 1) + 1
    height = -(-total // width)
    while True:
        row, column = divmod(place, width)
        for mix in range(_MIXES):
            column = (column + _hash(f"{salt}/{mix}/{row}")) % width
            row = (row + _hash(f"{salt}/{mix}/+{column}")) % height
        place = row * width + column
        if place < total:
            return place


def _hash(text: str) -> int:
    return int.from_bytes(blake2b(text.encode("ascii"), digest_size=8).digest(), "big")
