"""What the next batch reads of one stream: of which shards, and whether what was to be read next is still there."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import repeat

from pinterest_pipeline.kinesis_source.client import Client, Description
from pinterest_pipeline.kinesis_source.cursors import lost_records
from pinterest_pipeline.kinesis_source.options import Options, Stream
from pinterest_pipeline.kinesis_source.positions import After, Finished, Position, StreamOffset
from pinterest_pipeline.kinesis_source.shard_planning import Advance, ShardPlanner
from pinterest_pipeline.kinesis_source.shards import Listed, Shard, missing, readable, without_consumed

_LOG = logging.getLogger(__name__)
_THREADS = 16


class StreamPlanner:
    """Plans one stream, batch after batch.

    Args:
        client: Calls Kinesis.
        options: The source's options.
        stream: The stream.
        clock: Seconds that only go forward.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        client: Client,
        options: Options,
        stream: Stream,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Know nothing of the stream yet."""
        self.stream = stream
        self._client = client
        self._options = options
        self._clock = clock
        self._sleep = sleep
        self._description: Description | None = None
        self._listed: Listed = {}
        self._listed_at = float("-inf")
        self._shards: dict[str, ShardPlanner] = {}
        self._advances: dict[str, Advance] = {}

    def description(self) -> Description:
        """Return what Kinesis says of the stream, asked once."""
        if self._description is None:
            self._description = self._client.describe(self.stream)
        return self._description

    def listed(self, fresh: bool = False) -> Listed:
        """Return the stream's shards, looked at again once a `shardFetchInterval`.

        Args:
            fresh: Whether to look again now.
        """
        if fresh or self._clock() - self._listed_at >= self._options.shard_interval:
            self._listed = self._client.shards(self.stream)
            self._listed_at = self._clock()
        return self._listed

    def resume(self, offset: StreamOffset) -> StreamOffset:
        """Return where to go on: at the offset, if what comes next was not lost since.

        Raises:
            KinesisSourceError: It was, and `failOnDataLoss` is true.
        """
        created = self.description().created
        if None not in (created, offset.created) and created != offset.created:
            self._lost(
                f"the stream {self.stream.name} of the checkpoint was created at {offset.created}, this at {created}"
            )
            return StreamOffset(created, {})
        kept = self._still_listed(offset.shards)
        ends = {shard: position for shard, position in kept.items() if isinstance(position, After)}
        with ThreadPoolExecutor(_THREADS) as pool:
            held = pool.map(lambda item: self._client.holds(self.stream, *item), ends.items())
            for shard, there in zip(ends, held, strict=True):
                if not there:
                    self._lost(f"{ends[shard].sequence}, read last in the shard {shard}, is not in the stream any more")
        return StreamOffset(offset.created, kept)

    def plan(self, known: Mapping[str, Position], initial: Position, exact: bool) -> dict[str, Position]:
        """Return where the next batch ends in each shard.

        A shard that is read to its end is followed by its children within the same batch.

        Args:
            known: Where it begins.
            initial: Where it begins in shards that are not known.
            exact: Whether to go to the very newest record.

        Raises:
            KinesisSourceError: The stream cannot be read, or records expired unread and `failOnDataLoss` is true.
        """
        positions = without_consumed(self.listed(), self._still_listed(known))
        self._advances = {}
        while todo := [shard for shard in readable(self._listed, positions) if shard.id not in self._advances]:
            starts = [positions.get(shard.id, initial) for shard in todo]
            with ThreadPoolExecutor(min(_THREADS, len(todo))) as pool:
                found = list(pool.map(self._advance, todo, starts, repeat(exact)))
            for shard, advance in zip(todo, found, strict=True):
                self._advances[shard.id] = advance
                positions[shard.id] = advance.end
            if any(advance.end == Finished() and not shard.closed for shard, advance in zip(todo, found, strict=True)):
                self.listed(fresh=True)
        return positions

    def planned(self, shard: str) -> Advance | None:
        """Return a shard's part of the batch that was planned last."""
        return self._advances.get(shard)

    def _advance(self, shard: Shard, start: Position, exact: bool) -> Advance:
        planner = self._shards.get(shard.id)
        if planner is None:
            planner = ShardPlanner(self._client, self._options, self.stream, shard.id, self._sleep)
            self._shards[shard.id] = planner
        return planner.advance(start, shard.closed, exact)

    def _still_listed(self, positions: Mapping[str, Position]) -> dict[str, Position]:
        gone = missing(self.listed(), positions)
        if gone:
            self._lost(f"the shards {', '.join(gone)} of the stream {self.stream.name} expired before they were read")
        return {shard: position for shard, position in positions.items() if shard not in gone}

    def _lost(self, what: str) -> None:
        error = lost_records(what)
        if self._options.fail_on_data_loss:
            raise error
        _LOG.warning("%s", error)
