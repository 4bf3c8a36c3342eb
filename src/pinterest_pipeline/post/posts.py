"""Groups the rows of the three tables by key into posts, accessible by number."""

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.records import Record
from pinterest_pipeline.post.source.opening import Source

Post = tuple[tuple[Entity, Record], ...]
"""The rows of one post, in the order of the tables and, within a table, of the source."""

_LARGEST_KEY = 2**63 - 1


class Posts:
    """All posts of a source by number; only keys and positions are kept in memory, 16 bytes per row.

    A row without a key of at most 63 bits is a post of its own.
    """

    def __init__(self, source: Source) -> None:
        """Read the keys and positions of all rows.

        Raises:
            SourceError: The source cannot be read, or has no row.
        """
        self._source = source
        self._tables = [_Table.read(source, entity) for entity in ENTITIES]
        self._keys = _union([table.keys for table in self._tables])
        if not len(self):
            raise SourceError(f"the source {source.name} has no rows: there is nothing to post")

    def __len__(self) -> int:
        """Return how many posts there are."""
        return len(self._keys) + sum(len(table.alone) for table in self._tables)

    def read(self, numbers: Sequence[int]) -> Iterator[Post]:
        """Yield the posts with these numbers, in this order; each table is queried once for all of them.

        Raises:
            SourceError: The source cannot be read.
        """
        posts: list[list[tuple[Entity, Record]]] = [[] for _ in numbers]
        for table in self._tables:
            wanted = [(post, place) for post, number in enumerate(numbers) for place in self._positions(table, number)]
            rows = self._source.rows_at(table.entity, [place for _, place in wanted]) if wanted else []
            for (post, _), records in zip(wanted, rows, strict=True):
                posts[post].extend((table.entity, record) for record in records)
        yield from map(tuple, posts)

    def _positions(self, table: "_Table", number: int) -> Sequence[int]:
        if number < len(self._keys):
            return table.with_key(self._keys[number])
        number -= len(self._keys)
        for other in self._tables:
            if number < len(other.alone):
                return [other.alone[number]] if other is table else []
            number -= len(other.alone)
        return []


@dataclass(frozen=True)
class _Table:
    """Keys and positions of an entity's rows.

    Attributes:
        entity: The entity.
        keys: The keys of the rows that have one, sorted.
        positions: The positions of these rows; rows with the same key in the source's order.
        alone: The positions of rows without a usable key.
    """

    entity: Entity
    keys: "array[int]"
    positions: "array[int]"
    alone: list[int]

    @classmethod
    def read(cls, source: Source, entity: Entity) -> "_Table":
        # A position may be a key that exceeds 63 bits, so these are in a list.
        keys, positions, alone = array("q"), array("q"), list[int]()
        for key, position in source.places(entity):
            if key is None or abs(key) > _LARGEST_KEY:
                alone.append(position)
            else:
                keys.append(key)
                positions.append(position)
        if any(keys[at] > keys[at + 1] for at in range(len(keys) - 1)):
            order = sorted(range(len(keys)), key=keys.__getitem__)
            keys = array("q", map(keys.__getitem__, order))
            positions = array("q", map(positions.__getitem__, order))
        return cls(entity, keys, positions, alone)

    def with_key(self, key: int) -> Sequence[int]:
        return self.positions[bisect_left(self.keys, key) : bisect_right(self.keys, key)]


def _union(keys: Iterable["array[int]"]) -> "array[int]":
    union = array("q")
    for key in merge(*keys):
        if not union or union[-1] != key:
            union.append(key)
    return union
