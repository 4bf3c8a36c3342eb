"""The order of shards: parents before children, none read twice, none dropped too early. Pure functions.

Resharding closes shards and opens their children. ListShards returns a closed shard until its records have expired,
read or not; positions in its children tell that it was read.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from itertools import groupby

from spark_kinesis.positions import Finished, Position


@dataclass(frozen=True)
class Shard:
    """A shard, as returned by ListShards.

    Attributes:
        id: Its id.
        parents: The shard that was split, or the two that were merged, into it; expired parents may be missing.
        closed: Whether it accepts no more records.
    """

    id: str
    parents: tuple[str, ...] = ()
    closed: bool = False


Listed = Mapping[str, Shard]
Positions = Mapping[str, Position]


def readable(listed: Listed, positions: Positions) -> list[Shard]:
    """Return the listed shards to read now: those not finished whose parents all are.

    Args:
        listed: The stream's shards.
        positions: The query's positions in the shards that it knows.
    """
    done = _done(listed, positions)
    return [
        shard
        for shard in listed.values()
        if shard.id not in done
        and (shard.id in positions or all(_is_over(parent, listed, positions, done) for parent in shard.parents))
    ]


def missing(listed: Listed, positions: Positions) -> list[str]:
    """Return unfinished shards that are no longer listed: their unread records are lost."""
    return sorted(shard for shard, position in positions.items() if shard not in listed and position != Finished())


def without_consumed(listed: Listed, positions: Positions) -> dict[str, Position]:
    """Return the positions without finished shards that have a known child or are no longer listed.

    Args:
        listed: The stream's shards.
        positions: The query's positions.
    """
    followed = _ancestors(listed, positions)
    return {
        shard: position
        for shard, position in positions.items()
        if position != Finished() or (shard in listed and shard not in followed)
    }


def generations(listed: Listed, wanted: Iterable[str]) -> list[list[list[str]]]:
    """Return shards by family, each family ordered by generation: parents come before their children.

    Args:
        listed: The stream's shards.
        wanted: The shards to order; a shard and its parent belong to one family.
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
