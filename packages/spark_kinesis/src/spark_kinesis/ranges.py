"""The ranges of a batch: for each shard the records between two offsets, assigned to tasks. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_kinesis.errors import CheckpointError
from spark_kinesis.options import Stream
from spark_kinesis.positions import After, Finished, Latest, Offset, Position, StreamOffset
from spark_kinesis.shards import Listed, generations


@dataclass(frozen=True)
class Prefetched:
    """The first records of a range, read during planning.

    Attributes:
        batch: The records, as packed Arrow.
        position: Where they end; if the range ends there too, nothing is left to fetch.
        limit: How many records to request next; 0 if unknown.
        ends_at: About when the last record of the range arrived, in milliseconds since 1970; None if unknown.
    """

    batch: bytes
    position: Position
    limit: int = 0
    ends_at: int | None = None


@dataclass(frozen=True)
class Range:
    """The records of one shard that a batch reads.

    Attributes:
        stream: The stream.
        shard: The shard's id.
        start: Where it begins.
        end: After its last record, or the shard's end.
        prefetched: Its first records, if they were read during planning.
    """

    stream: Stream
    shard: str
    start: Position
    end: After | Finished
    prefetched: Prefetched | None = None


Generation = tuple[Range, ...]
"""Ranges that may be read at the same time."""


def between(stream: Stream, start: Offset, end: Offset) -> list[Range]:
    """Return the ranges of a stream between two offsets.

    Args:
        stream: The stream.
        start: The start offset of the batch.
        end: The end offset, which also gives the initial position of shards that are not in `start`.

    Raises:
        CheckpointError: The end precedes the start.
    """
    before, after = start.streams.get(stream.name), end.streams[stream.name]
    # The old positions of a recreated stream are meaningless.
    known: Mapping[str, Position] = before.shards if before and before.created == after.created else {}
    initial = end.initial
    if isinstance(initial, Latest):
        raise CheckpointError(
            "the end of a batch must have a resolved initial position, found latest; the checkpoint is damaged"
        )
    found = []
    for shard, position in after.shards.items():
        begin = known.get(shard, initial)
        if begin in (position, Finished()):
            continue
        if not isinstance(position, After | Finished):
            raise CheckpointError(f"a batch cannot go back in the shard {shard} from {begin} to {position}")
        found.append(Range(stream, shard, begin, position))
    return found


def tasks(families: Iterable[Sequence[Generation]], shards_per_task: int) -> list[tuple[Generation, ...]]:
    """Assign families of shards to tasks; a family stays together, to preserve its order.

    Args:
        families: Each family's ranges, its oldest generation first.
        shards_per_task: Maximum shards per task, except for a larger family.
    """
    shared: list[list[Generation]] = []
    free = 0
    for family in families:
        size = sum(map(len, family))
        if size > free:
            shared.append([])
            free = shards_per_task
        free -= size
        for depth, generation in enumerate(family):
            if depth < len(shared[-1]):
                shared[-1][depth] += generation
            else:
                shared[-1].append(tuple(generation))
    return [tuple(task) for task in shared]


def families(listed: Listed, ranges: Iterable[Range]) -> list[list[Generation]]:
    """Return one stream's ranges by family and generation.

    Args:
        listed: The stream's shards.
        ranges: The ranges.
    """
    by_shard = {found.shard: found for found in ranges}
    return [
        [tuple(by_shard[shard] for shard in generation) for generation in family]
        for family in generations(listed, by_shard)
    ]


def moved(before: StreamOffset | None, positions: Mapping[str, Position]) -> bool:
    """Return whether the positions differ from the ones before, ignoring finished shards that were dropped."""
    known = before.shards if before else {}
    return any(known.get(shard) != position for shard, position in positions.items())
