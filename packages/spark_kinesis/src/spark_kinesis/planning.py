"""The driver's part of the source: decides where the next batch ends, and assigns its ranges to tasks."""

from collections.abc import Callable, Iterable
from dataclasses import replace

from spark_kinesis.errors import CheckpointError, OptionError
from spark_kinesis.positions import Latest, Offset, Since, TrimHorizon
from spark_kinesis.ranges import Generation, Range, between, families, tasks
from spark_kinesis.shard_planning import Context
from spark_kinesis.stream_planning import StreamPlanner

_TASK_BYTES = 32 * 2**20
"""Maximum bytes of prefetched records per task; the task reads the rest itself, since Spark limits its messages."""


class Planner:
    """Plans batch after batch.

    Args:
        context: What it shares with the planners of its streams.
    """

    def __init__(self, context: Context) -> None:
        """Create a planner without an offset."""
        self._context = context
        self._options = context.options
        self._streams = [StreamPlanner(context, stream) for stream in context.options.streams]
        self._offset: Offset | None = None
        self._polled_at = float("-inf")
        self._ran = False

    def latest(self) -> Offset:
        """Return the end of the next batch; the previous offset if there are no new records.

        The first batch after a start extends to the newest record, since an availableNow query asks only once. Later
        batches take about as much as can be fetched in `maxFetchDuration`.

        Raises:
            KinesisSourceError: A stream cannot be read, or records expired unread and `failOnDataLoss` is true.
        """
        self._context.sleep(max(0.0, self._polled_at + self._options.limits.period - self._context.clock()))
        self._polled_at = self._context.clock()
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
        """Return the ranges that each task of a batch reads.

        After a restart the first call gives the query's offsets: they are checked for data loss.

        Args:
            start: The start of the batch.
            end: Its end.

        Raises:
            KinesisSourceError: The offsets belong to other streams, or records expired unread and `failOnDataLoss` is
                true.
        """
        if not self._ran:
            self._resume(start, end)
        elif end != self._offset:
            raise OptionError(
                "Spark asked for a new batch before it gave the query's offset. Do not set "
                "spark.sql.streaming.triggerAvailableNowWrapper.enabled for a query that reads kinesis"
            )
        shared = [
            family for stream in self._streams for family in families(stream.listed(), self._ranges(stream, start, end))
        ]
        return [_without_large_prefetched(task) for task in tasks(shared, self._options.shards_per_task)]

    def _resolved(self, offset: Offset) -> TrimHorizon | Since:
        if isinstance(offset.initial, Latest):
            return Since(self._streams[0].description().now)
        return offset.initial

    def _resume(self, start: Offset, end: Offset) -> None:
        """Check both ends of a batch that an earlier process planned, and resume after it."""
        expected = {stream.stream.name for stream in self._streams}
        if end.streams.keys() != expected:
            raise CheckpointError(
                f"the checkpoint is of the streams {', '.join(sorted(end.streams))}, but the query reads "
                f"{', '.join(sorted(expected))}; use the same streamName, or a new checkpoint"
            )
        for stream in self._streams:
            if start != end and stream.stream.name in start.streams:
                stream.resume(start.streams[stream.stream.name])
        resumed = {stream.stream.name: stream.resume(end.streams[stream.stream.name]) for stream in self._streams}
        self._offset = Offset(end.initial, {name: offset for name, offset in resumed.items() if offset})

    def _ranges(self, stream: StreamPlanner, start: Offset, end: Offset) -> Iterable[Range]:
        """Return a batch's ranges with their prefetched records, without expired shards if data loss is allowed."""
        ranges = between(stream.stream, start, end)
        if not self._options.fail_on_data_loss:
            ranges = [found for found in ranges if found.shard in stream.listed()]
        return map(self._with_prefetched(stream), ranges)

    def _with_prefetched(self, stream: StreamPlanner) -> Callable[[Range], Range]:
        """Return a function that adds to a range the records read during planning."""

        def with_prefetched(found: Range) -> Range:
            planned = stream.planned(found.shard)
            if planned and (planned.start, planned.end) == (found.start, found.end):
                return replace(found, prefetched=planned.prefetched)
            return found

        return with_prefetched


def _without_large_prefetched(task: tuple[Generation, ...]) -> tuple[Generation, ...]:
    free = _TASK_BYTES
    generations = []
    for generation in task:
        ranges = []
        for found in generation:
            free -= len(found.prefetched.batch) if found.prefetched else 0
            ranges.append(found if free >= 0 else replace(found, prefetched=None))
        generations.append(tuple(ranges))
    return tuple(generations)
