"""Plans one stream's part of the next batch: its shards, and whether unread records have expired."""

import logging
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat

from spark_kinesis.client import Description
from spark_kinesis.cursors import lost_records
from spark_kinesis.options import Stream
from spark_kinesis.positions import After, Finished, Position, StreamOffset
from spark_kinesis.ranges import moved
from spark_kinesis.shard_planning import Advance, Context, ShardPlanner
from spark_kinesis.shards import Listed, Shard, missing, readable, without_consumed

_LOG = logging.getLogger(__name__)
_THREADS = 16
_REFRESH_MS = 3_600_000
"""Re-emit idle offsets after this long: older ones cannot be resumed."""
_CLOCK_SKEW_MS = 60_000
"""Maximum difference between Kinesis' clocks."""


class StreamPlanner:
    """Plans one stream, batch after batch.

    Args:
        context: What it shares with other planners.
        stream: The stream.
    """

    def __init__(self, context: Context, stream: Stream) -> None:
        """Create a planner; nothing is requested yet."""
        self.stream = stream
        self._context = context
        self._client = context.client
        self._options = context.options
        self._description: Description | None = None
        self._listed: Listed = {}
        self._listed_at = float("-inf")
        self._now = 0
        self._shards: dict[str, ShardPlanner] = {}
        self._advances: dict[str, Advance] = {}

    def description(self) -> Description:
        """Return the stream's description, requested once."""
        if self._description is None:
            self._description = self._client.describe(self.stream)
        return self._description

    def listed(self, fresh: bool = False) -> Listed:
        """Return the stream's shards, listed again once per `shardFetchInterval`.

        Args:
            fresh: Whether to list them again now.
        """
        if fresh or self._context.clock() - self._listed_at >= self._options.shard_interval:
            self._listed, self._now = self._client.shards(self.stream)
            self._listed_at = self._context.clock()
        return self._listed

    def resume(self, offset: StreamOffset) -> StreamOffset | None:
        """Return the offset to resume from; None to start over, if the stream was recreated.

        Raises:
            KinesisSourceError: The stream was recreated, or unread records expired, and `failOnDataLoss` is true.
        """
        created = self.description().created
        if None not in (created, offset.created) and created != offset.created:
            self._lost(
                f"the stream {self.stream.name} of the checkpoint was created at {offset.created}, this at {created}"
            )
            return None
        return replace(offset, shards=self._retained(offset))

    def plan(self, known: StreamOffset | None, initial: Position, exact: bool) -> StreamOffset:
        """Return the end of the next batch; its start if there are no new records.

        Args:
            known: Its start; None before the first batch.
            initial: The initial position of new shards.
            exact: Whether to plan up to the newest record.

        Raises:
            KinesisSourceError: The stream cannot be read, or records expired unread and `failOnDataLoss` is true.
        """
        self.listed()
        now = self._now
        shards = self._retained(known) if known else {}
        positions = self._positions(shards, initial, exact)
        arrivals = [advance.arrived for advance in self._advances.values() if advance.arrived is not None]
        complete_until = max(min([now, *arrivals]), known.complete_until_ms if known else 0)
        if known and not moved(known, positions) and complete_until < known.complete_until_ms + _REFRESH_MS:
            return known
        description = self.description()
        created = known.created if known else description.created
        return StreamOffset(created, complete_until, description.retention_ms, positions)

    def _positions(self, known: Mapping[str, Position], initial: Position, exact: bool) -> dict[str, Position]:
        """Return the end of the next batch in each shard; children follow within the same batch."""
        positions = without_consumed(self.listed(), known)
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
        self._shards = {shard: planner for shard, planner in self._shards.items() if shard in positions}
        return positions

    def planned(self, shard: str) -> Advance | None:
        """Return a shard's part of the last planned batch."""
        return self._advances.get(shard)

    def _advance(self, shard: Shard, start: Position, exact: bool) -> Advance:
        planner = self._shards.get(shard.id)
        if planner is None:
            planner = ShardPlanner(self._context, self.stream, shard.id)
            self._shards[shard.id] = planner
        return planner.advance(start, shard.closed, exact)

    def _retained(self, offset: StreamOffset) -> dict[str, Position]:
        """Return the positions in existing shards, after checking that no unread record has expired.

        After an offset younger than the retention period, none can have. After an older one, each shard's last read
        record must still be retained; a shard without one cannot be checked.
        """
        expired = missing(self.listed(), offset.shards)
        if expired:
            self._lost(
                f"the shards {', '.join(expired)} of the stream {self.stream.name} expired before they were read"
            )
        positions = {shard: position for shard, position in offset.shards.items() if shard not in expired}
        retention_ms = min(offset.retention_ms, self.description().retention_ms)
        if self._now > offset.complete_until_ms + retention_ms - _CLOCK_SKEW_MS:
            self._check_held(without_consumed(self._listed, positions))
        return positions

    def _check_held(self, positions: Mapping[str, Position]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            held = list(pool.map(self._is_held, positions, positions.values()))
        doubtful = [shard for shard, is_held in zip(positions, held, strict=True) if not is_held]
        if doubtful:
            self._lost(
                f"the stream {self.stream.name} was not read for longer than its retention period, and the last "
                f"records read from the shards {', '.join(doubtful)} have expired"
            )

    def _is_held(self, shard: str, position: Position) -> bool:
        return isinstance(position, After) and self._client.holds(self.stream, shard, position)

    def _lost(self, what: str) -> None:
        error = lost_records(what)
        if self._options.fail_on_data_loss:
            raise error
        _LOG.warning("%s", error)
