"""What the next batch reads of one stream: of which shards, and whether what was to be read next is still there."""

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import repeat

from spark_kinesis.client import Client, Description
from spark_kinesis.cursors import lost_records
from spark_kinesis.options import Options, Stream
from spark_kinesis.positions import After, Finished, Position, StreamOffset
from spark_kinesis.ranges import moved
from spark_kinesis.shard_planning import Advance, ShardPlanner
from spark_kinesis.shards import Listed, Shard, missing, readable, without_consumed

_LOG = logging.getLogger(__name__)
_THREADS = 16
_FRESH = 3_600_000
"""Milliseconds after which an offset is given anew though nothing came: one too old could not be gone on at."""
_SLACK = 60_000
"""Milliseconds by which Kinesis' clocks may differ, at most."""


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
        self._now = 0
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
            self._listed, self._now = self._client.shards(self.stream)
            self._listed_at = self._clock()
        return self._listed

    def resume(self, offset: StreamOffset) -> StreamOffset | None:
        """Return where to go on: at the offset, if it is this stream's; None is anew.

        Raises:
            KinesisSourceError: It is not, or records behind it expired, and `failOnDataLoss` is true.
        """
        created = self.description().created
        if None not in (created, offset.created) and created != offset.created:
            self._lost(
                f"the stream {self.stream.name} of the checkpoint was created at {offset.created}, this at {created}"
            )
            return None
        return replace(offset, shards=self._still_kept(offset))

    def plan(self, known: StreamOffset | None, initial: Position, exact: bool) -> StreamOffset:
        """Return where the next batch ends; what is known where nothing is new.

        Args:
            known: Where it begins, if that is known.
            initial: Where it begins in shards that are not known.
            exact: Whether to go to the very newest record.

        Raises:
            KinesisSourceError: The stream cannot be read, or records expired unread and `failOnDataLoss` is true.
        """
        self.listed()
        now = self._now
        shards = self._still_kept(known) if known else {}
        positions = self._positions(shards, initial, exact)
        arrivals = [advance.arrived for advance in self._advances.values() if advance.arrived is not None]
        complete = max(min([now, *arrivals]), known.complete if known else 0)
        if known and not moved(known, positions) and complete < known.complete + _FRESH:
            return known
        description = self.description()
        return StreamOffset(known.created if known else description.created, complete, description.kept, positions)

    def _positions(self, known: Mapping[str, Position], initial: Position, exact: bool) -> dict[str, Position]:
        """Return where the next batch ends in each shard; children follow within the same batch."""
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
        """Return a shard's part of the batch that was planned last."""
        return self._advances.get(shard)

    def _advance(self, shard: Shard, start: Position, exact: bool) -> Advance:
        planner = self._shards.get(shard.id)
        if planner is None:
            planner = ShardPlanner(self._client, self._options, self.stream, shard.id, self._sleep)
            self._shards[shard.id] = planner
        return planner.advance(start, shard.closed, exact)

    def _still_kept(self, offset: StreamOffset) -> dict[str, Position]:
        """Return the positions in shards that are there; nothing behind them may have expired.

        Behind an offset that is younger than what the stream keeps, nothing can have. Behind an older one, each
        shard's last record must still be there: in a shard without one, nobody can tell.
        """
        gone = missing(self.listed(), offset.shards)
        if gone:
            self._lost(f"the shards {', '.join(gone)} of the stream {self.stream.name} expired before they were read")
        kept = {shard: position for shard, position in offset.shards.items() if shard not in gone}
        if self._now > offset.complete + min(offset.kept, self.description().kept) - _SLACK:
            self._check_held(without_consumed(self._listed, kept))
        return kept

    def _check_held(self, positions: Mapping[str, Position]) -> None:
        with ThreadPoolExecutor(_THREADS) as pool:
            held = list(pool.map(self._is_held, positions, positions.values()))
        doubtful = [shard for shard, there in zip(positions, held, strict=True) if not there]
        if doubtful:
            self._lost(
                f"the stream {self.stream.name} was not read for longer than it keeps records, and what was read last "
                f"of the shards {', '.join(doubtful)} expired"
            )

    def _is_held(self, shard: str, position: Position) -> bool:
        return isinstance(position, After) and self._client.holds(self.stream, shard, position)

    def _lost(self, what: str) -> None:
        error = lost_records(what)
        if self._options.fail_on_data_loss:
            raise error
        _LOG.warning("%s", error)
