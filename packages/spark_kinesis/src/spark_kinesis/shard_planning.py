"""Plans one shard's part of the next batch.

The planner reads one small page. If it reaches the newest record, the page is the shard's part of the batch and is sent
with the plan. If there is more, the planner searches for a later record by time, which becomes the end; tasks read the
records between.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from spark_kinesis.arrow import pack, to_batch
from spark_kinesis.backlog_search import TOLERANCE, Found, find_end
from spark_kinesis.client import Client, Page
from spark_kinesis.cursors import Cursor
from spark_kinesis.options import Options, Stream
from spark_kinesis.pacing import next_limit
from spark_kinesis.positions import After, Finished, Position, Since
from spark_kinesis.ranges import Prefetched

_FIRST_PAGE = 100
_MAX_PAGE = 2_000
_PAGE_BYTES = 2**20
"""Approximate size of a page, since it is sent with the plan."""


@dataclass(frozen=True)
class Advance:
    """A shard's part of a batch.

    Attributes:
        start: Its start.
        end: Its end; equal to `start` without new records.
        prefetched: Its first records.
        arrived: About when its last record arrived, in milliseconds since 1970; None if it is the newest record.
    """

    start: Position
    end: Position
    prefetched: Prefetched | None = None
    arrived: int | None = None


@dataclass(frozen=True)
class Context:
    """What the planners of a query share.

    Attributes:
        client: Calls Kinesis.
        options: The source's options.
        clock: A monotonic clock, in seconds.
        sleep: Waits so many seconds.
    """

    client: Client
    options: Options
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


class ShardPlanner:
    """Plans one shard, batch after batch; it keeps its cursor between batches, so that a page costs one call.

    Args:
        context: What it shares with other planners.
        stream: The stream.
        shard: The shard's id.
    """

    def __init__(self, context: Context, stream: Stream, shard: str) -> None:
        """Create a planner without a cursor."""
        self._context = context
        self._options = context.options
        self._stream = stream
        self._shard = shard
        self._limit = min(_FIRST_PAGE, context.options.limits.records)
        self._cursor: Cursor | None = None

    def advance(self, start: Position, closed: bool, exact: bool) -> Advance:
        """Return the shard's part of the next batch.

        Args:
            start: Its start.
            closed: Whether the shard is closed: the batch then reads it to its end.
            exact: Whether to plan up to the newest record, or only as far as can be fetched in `maxFetchDuration`.

        Raises:
            KinesisSourceError: The shard cannot be read, or its next records expired.
        """
        if self._cursor is None or self._cursor.position != start:
            self._cursor = self._at(start)
        page = self._filled(self._cursor, self._limit)
        if not page.records:
            return Advance(start, Finished() if closed else self._cursor.position)
        size = page.size
        self._limit = self._page_limit(len(page.records), size)
        last = _last_of(page)
        packed = pack(to_batch(self._stream.name, self._shard, page.records))
        if not page.lag or page.iterator is None:
            reached = self._cursor.position
            return Advance(start, Finished() if closed else reached, Prefetched(packed, reached))
        if closed:
            return Advance(start, Finished(), Prefetched(packed, page.last))
        newest = self._exact_end(last) if exact else self._near_end(page, size)
        limit = next_limit(self._options.limits.records, page.records, newest.arrived)
        prefetched = Prefetched(packed, page.last, limit, newest.arrived)
        return Advance(start, After(newest.sequence), prefetched, newest.arrived if newest.lag else None)

    def _page_limit(self, records: int, size: int) -> int:
        """Return the limit of the next page, estimated from the sizes of the last records."""
        wanted = min(_PAGE_BYTES, self._budget()) * records / max(1, size)
        return max(1, min(_MAX_PAGE, self._options.limits.records, int(wanted)))

    def _budget(self) -> float:
        """Return the target size of a batch in bytes; it does not apply to the first one after a start."""
        return self._options.limits.duration * self._options.limits.rate

    def _near_end(self, page: Page, size: int) -> Found:
        """Return a record about as far ahead as tasks can fetch in a batch's time, or near the newest."""
        last = _last_of(page)
        span = max(1, last.arrived - page.records[0]["ApproximateArrivalTimestamp"])
        window = max(1, round((self._budget() - size) * span / max(1, size)))
        return find_end(self._probe, last, TOLERANCE, last.arrived + window)

    def _exact_end(self, last: Found) -> Found:
        """Return the newest record."""
        now = last.arrived + last.lag
        end = find_end(self._probe, last, tolerance=1)
        cursor = self._at(After(end.sequence))
        while end.lag and end.arrived <= now:
            page = self._filled(cursor, self._limit)
            if not page.records:
                break
            end = _last_of(page)
        return end

    def _probe(self, since_ms: int) -> Found | None:
        page = self._filled(self._at(Since(since_ms)), 1)
        return _last_of(page) if page.records else None

    def _filled(self, cursor: Cursor, limit: int) -> Page:
        """Return the next page with records, or the last one: pages between may be empty."""
        page = cursor.page(limit)
        while not page.records and page.lag and page.iterator:
            self._context.sleep(self._options.limits.period)
            page = cursor.page(limit)
        return page

    def _at(self, position: Position) -> Cursor:
        return Cursor(self._context.client, self._stream, self._shard, position, self._options.fail_on_data_loss)


def _last_of(page: Page) -> Found:
    record = page.records[-1]
    return Found(record["SequenceNumber"], record["ApproximateArrivalTimestamp"], page.lag)
