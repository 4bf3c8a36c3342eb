"""What a batch reads: a range of each shard between two offsets, shared out to tasks. Pure rules."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from spark_kinesis.errors import CheckpointError
from spark_kinesis.options import Stream
from spark_kinesis.positions import After, Finished, Latest, Offset, Position, StreamOffset
from spark_kinesis.shards import Listed, generations


@dataclass(frozen=True)
class Prefetched:
    """The first records of a range, read while it was planned.

    Attributes:
        batch: The records, as packed Arrow.
        position: Where they end; where the range ends too, nothing is left to be fetched.
        limit: How many records to ask for next; 0 where that is not known.
        ends_at: About when the last record of the range arrived, in milliseconds since 1970; None where not known.
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
        end: Behind its last record, or the shard's end.
        prefetched: Its first records, where they were read already.
    """

    stream: Stream
    shard: str
    start: Position
    end: After | Finished
    prefetched: Prefetched | None = None


Generation = tuple[Range, ...]
"""Ranges that may be read at the same time."""


def between(stream: Stream, start: Offset, end: Offset) -> list[Range]:
    """Return what was put into a stream between two offsets.

    Args:
        stream: The stream.
        start: The offset that the batch begins at.
        end: The offset that it ends at, which also says where shards begin that are not in `start`.

    Raises:
        CheckpointError: The end is not behind the start.
    """
    before, after = start.streams.get(stream.name), end.streams[stream.name]
    # Of a stream that was created anew, the old positions mean nothing.
    known: Mapping[str, Position] = before.shards if before and before.created == after.created else {}
    initial = end.initial
    if isinstance(initial, Latest):
        raise CheckpointError("a batch's end must say since when it reads, found latest; its checkpoint is damaged")
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
    """Share families of shards out to tasks; a family stays together, so that its order is kept.

    Args:
        families: Each family's ranges, its oldest generation first.
        shards_per_task: Shards that a task reads at most, but for a family that has more.
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
    """Say whether these positions are others than the ones before, apart from finished shards that are left out."""
    known = before.shards if before else {}
    return any(known.get(shard) != position for shard, position in positions.items())
