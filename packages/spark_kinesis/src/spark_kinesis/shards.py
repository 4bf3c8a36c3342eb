"""Which shards may be read now: parents before their children, none twice, none forgotten too early. Pure rules.

Where a stream is split or merged, shards close and others, their children, take over. ListShards shows a closed shard
until its records have expired, whether it was read or not; what was read is known by the shards that came after it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import groupby

from spark_kinesis.positions import Finished, Position


@dataclass(frozen=True)
class Shard:
    """A shard, as it is listed.

    Attributes:
        id: Its id.
        parents: The shard that was split, or the two that were merged, into it; parents that expired may be missing.
        closed: Whether it takes no more records.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


Listed = Mapping[str, Shard]
Positions = Mapping[str, Position]


def readable(listed: Listed, positions: Positions) -> list[Shard]:
    """Return the listed shards that are to be read now: not finished, and all their parents are.

    Args:
        listed: The stream's shards.
        positions: Where the query stands in the shards that it knows.
    """
    done = _done(listed, positions)
    return [
        shard
        for shard in listed.values()
        if shard.id not in done
        and (shard.id in positions or all(_is_over(parent, listed, positions, done) for parent in shard.parents))
    ]


def missing(listed: Listed, positions: Positions) -> list[str]:
    """Return the shards that were not read to their end and are not listed any more: what was left in them is lost."""
    return sorted(shard for shard, position in positions.items() if shard not in listed and position != Finished())


def without_consumed(listed: Listed, positions: Positions) -> dict[str, Position]:
    """Return the positions without the finished shards that can be known by a child, or are not listed any more.

    Args:
        listed: The stream's shards.
        positions: Where the query stands.
    """
    followed = _ancestors(listed, positions)
    return {
        shard: position
        for shard, position in positions.items()
        if position != Finished() or (shard in listed and shard not in followed)
    }


def generations(listed: Listed, wanted: Iterable[str]) -> list[list[list[str]]]:
    """Return shards by family, and each family's in order: no shard is in a generation before one of its parents'.

    Args:
        listed: The stream's shards.
        wanted: The shards to be ordered; two are of one family where one is the other's parent.
    """
    among = set(wanted)
    graph = {shard: [parent for parent in _parents(listed, shard) if parent in among] for shard in sorted(among)}
    depths: dict[str, int] = {}
    families: dict[str, set[str]] = {}
    for shard in TopologicalSorter(graph).static_order():
        depths[shard] = 1 + max((depths[parent] for parent in graph[shard]), default=-1)
        family = {shard}.union(*(families[parent] for parent in graph[shard]))
        families.update(dict.fromkeys(family, family))
    unique = {id(family): family for family in families.values()}
    return [_by_depth(family, depths) for family in unique.values()]


def _by_depth(family: set[str], depths: Mapping[str, int]) -> list[list[str]]:
    ordered = sorted(family, key=lambda shard: (depths[shard], shard))
    return [list(group) for _, group in groupby(ordered, key=lambda shard: depths[shard])]


def _parents(listed: Listed, shard: str) -> tuple[str, ...]:
    return tuple(parent for parent in listed[shard].parents if parent in listed) if shard in listed else ()


def _done(listed: Listed, positions: Positions) -> set[str]:
    """Return the shards that were read to their end."""
    finished = {shard for shard, position in positions.items() if position == Finished()}
    return finished | (_ancestors(listed, positions) - positions.keys())


def _is_over(parent: str, listed: Listed, positions: Positions, done: set[str]) -> bool:
    return parent in done or (parent not in listed and parent not in positions)


def _ancestors(listed: Listed, shards: Iterable[str]) -> set[str]:
    found: set[str] = set()
    waiting = list(shards)
    while waiting:
        new = set(_parents(listed, waiting.pop())) - found
        found |= new
        waiting.extend(new)
    return found
