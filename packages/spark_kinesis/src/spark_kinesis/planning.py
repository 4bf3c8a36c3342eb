"""The driver's part of the source: where the next batch ends, and which task reads what of it."""

import time
from collections.abc import Callable
from dataclasses import replace

from spark_kinesis.client import Client
from spark_kinesis.errors import CheckpointError, OptionError
from spark_kinesis.options import Options
from spark_kinesis.positions import Latest, Offset, Since, TrimHorizon
from spark_kinesis.ranges import Generation, Range, between, families, tasks
from spark_kinesis.stream_planning import StreamPlanner

_TASK_BYTES = 32 * 2**20
"""Heads of a task beyond so many bytes are left to the task to read: Spark's messages have a limit."""


class Planner:
    """Plans batch after batch.

    Args:
        client: Calls Kinesis.
        options: The source's options.
        clock: Seconds that only go forward.
        sleep: Waits so many seconds.
    """

    def __init__(
        self,
        client: Client,
        options: Options,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Stand nowhere yet."""
        self._options = options
        self._clock = clock
        self._sleep = sleep
        self._streams = [StreamPlanner(client, options, stream, clock, sleep) for stream in options.streams]
        self._offset: Offset | None = None
        self._looked_at = float("-inf")
        self._ran = False

    def latest(self) -> Offset:
        """Return where the next batch ends; the offset before where nothing is new.

        The first batch after a start goes to the very newest record, since a query that takes what is there now asks
        only once. Later ones take about what can be fetched in `maxFetchDuration`.

        Raises:
            KinesisSourceError: A stream cannot be read, or records expired unread and `failOnDataLoss` is true.
        """
        self._sleep(max(0.0, self._looked_at + self._options.limits.period - self._clock()))
        self._looked_at = self._clock()
        before = self._offset or Offset(self._options.initial, {})
        initial = self._resolved(before)
        streams = {
            stream.stream.name: stream.plan(before.streams.get(stream.stream.name), initial, not self._ran)
            for stream in self._streams
        }
        self._ran = True
        self._offset = Offset(initial, streams) if streams != before.streams else before
        return self._offset

    def tasks(self, start: Offset, end: Offset) -> list[tuple[Generation, ...]]:
        """Return what each task of a batch reads.

        After a restart the first call says where the query stands: it is checked that nothing was lost since.

        Args:
            start: Where the batch begins.
            end: Where it ends.

        Raises:
            KinesisSourceError: The offsets are of other streams, or records expired unread and `failOnDataLoss` is
                true.
        """
        if not self._ran:
            self._resume(start, end)
        elif end != self._offset:
            raise OptionError(
                "Spark asked for a new batch before it said where the query stands. Do not set "
                "spark.sql.streaming.triggerAvailableNowWrapper.enabled for a query that reads kinesis"
            )
        shared = [
            family
            for stream in self._streams
            for family in families(stream.listed(), map(self._with_head(stream), self._left(stream, start, end)))
        ]
        return [_without_heavy_heads(task) for task in tasks(shared, self._options.shards_per_task)]

    def _resolved(self, offset: Offset) -> TrimHorizon | Since:
        if isinstance(offset.initial, Latest):
            return Since(self._streams[0].description().now)
        return offset.initial

    def _resume(self, start: Offset, end: Offset) -> None:
        """Check both ends of a batch that an earlier process planned, and go on behind it."""
        expected = {stream.stream.name for stream in self._streams}
        if end.streams.keys() != expected:
            raise CheckpointError(
                f"the checkpoint is of the streams {', '.join(sorted(end.streams))}, the query reads "
                f"{', '.join(sorted(expected))}; give the same streamName, or a new checkpoint"
            )
        for stream in self._streams:
            if start != end and stream.stream.name in start.streams:
                stream.resume(start.streams[stream.stream.name])
        resumed = {stream.stream.name: stream.resume(end.streams[stream.stream.name]) for stream in self._streams}
        self._offset = Offset(end.initial, {name: offset for name, offset in resumed.items() if offset})

    def _left(self, stream: StreamPlanner, start: Offset, end: Offset) -> list[Range]:
        """Return the ranges of a batch, without those whose shards are gone if that is no matter."""
        ranges = between(stream.stream, start, end)
        if self._options.fail_on_data_loss:
            return ranges
        return [found for found in ranges if found.shard in stream.listed()]

    def _with_head(self, stream: StreamPlanner) -> Callable[[Range], Range]:
        """Return what gives a range the records that were read while it was planned."""

        def with_head(found: Range) -> Range:
            planned = stream.planned(found.shard)
            if planned and (planned.start, planned.end) == (found.start, found.end):
                return replace(found, prefetched=planned.prefetched)
            return found

        return with_head


def _without_heavy_heads(task: tuple[Generation, ...]) -> tuple[Generation, ...]:
    free = _TASK_BYTES
    kept = []
    for generation in task:
        ranges = []
        for found in generation:
            free -= len(found.prefetched.batch) if found.prefetched else 0
            ranges.append(found if free >= 0 else replace(found, prefetched=None))
        kept.append(tuple(ranges))
    return tuple(kept)
