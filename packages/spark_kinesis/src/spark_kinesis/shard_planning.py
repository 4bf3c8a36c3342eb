"""Where one shard's part of the next batch ends.

The shard is asked for one small page. Where that reaches the newest record, it is the shard's part of the batch and
travels with the plan. Where there is more, a record behind it is looked for by time and becomes the end; tasks read
what lies between.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from spark_kinesis.arrow import pack, to_batch
from spark_kinesis.backlog_search import TOLERANCE, Seen, find_end
from spark_kinesis.client import Client, Page
from spark_kinesis.cursors import Cursor
from spark_kinesis.options import Options, Stream
from spark_kinesis.pacing import next_limit
from spark_kinesis.positions import After, Finished, Position, Since
from spark_kinesis.ranges import Prefetched

_FIRST_PAGE = 100
_LONGEST_PAGE = 2_000
_PAGE_BYTES = 2**20
"""A page should have about so many bytes, since it travels with the plan."""


@dataclass(frozen=True)
class Advance:
    """A shard's part of a batch.

    Attributes:
        start: Where it begins.
        end: Where it ends; equal to `start` where nothing is new.
        prefetched: Its first records.
        arrived: About when its last record arrived, in milliseconds since 1970; None where no record is behind it.
    """

    start: Position
    end: Position
    prefetched: Prefetched | None = None
    arrived: int | None = None


class ShardPlanner:
    """Plans one shard, batch after batch; between them it keeps its place, so that a page costs one call.

    Args:
        client: Calls Kinesis.
        options: The source's options.
        stream: The stream.
        shard: The shard's id.
        sleep: Waits so many seconds.
    """

    def __init__(
        self, client: Client, options: Options, stream: Stream, shard: str, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        """Know no place yet."""
        self._client = client
        self._options = options
        self._stream = stream
        self._shard = shard
        self._sleep = sleep
        self._limit = min(_FIRST_PAGE, options.limits.records)
        self._cursor: Cursor | None = None

    def advance(self, start: Position, closed: bool, exact: bool) -> Advance:
        """Return the shard's part of the next batch.

        Args:
            start: Where it begins.
            closed: Whether the shard was closed before: its end is then the batch's.
            exact: Whether to go to the very newest record, or as far as may be fetched in `maxFetchDuration`.

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
        last = _seen(page)
        packed = pack(to_batch(self._stream.name, self._shard, page.records))
        if not page.behind or page.iterator is None:
            reached = self._cursor.position
            return Advance(start, Finished() if closed else reached, Prefetched(packed, reached))
        if closed:
            return Advance(start, Finished(), Prefetched(packed, page.last))
        newest = self._exact_end(last) if exact else self._near_end(page, size)
        limit = next_limit(self._options.limits.records, page.records, newest.arrived)
        prefetched = Prefetched(packed, page.last, limit, newest.arrived)
        return Advance(start, After(newest.sequence), prefetched, newest.arrived if newest.behind else None)

    def _page_limit(self, records: int, size: int) -> int:
        """Return how many records the next page should have, by the size of those seen last."""
        wanted = min(_PAGE_BYTES, self._budget()) * records / max(1, size)
        return max(1, min(_LONGEST_PAGE, self._options.limits.records, int(wanted)))

    def _budget(self) -> float:
        """Return the bytes that a batch should take, but for the first after a start."""
        return self._options.limits.duration * self._options.limits.rate

    def _near_end(self, page: Page, size: int) -> Seen:
        """Return a record about so far on as tasks may fetch in a batch's time, or near the newest."""
        last = _seen(page)
        span = max(1, last.arrived - page.records[0]["ApproximateArrivalTimestamp"])
        window = max(1, round((self._budget() - size) * span / max(1, size)))
        return find_end(self._look, last, TOLERANCE, last.arrived + window)

    def _exact_end(self, last: Seen) -> Seen:
        """Return the newest record."""
        now = last.arrived + last.behind
        end = find_end(self._look, last, tolerance=1)
        cursor = self._at(After(end.sequence))
        while end.behind and end.arrived <= now:
            page = self._filled(cursor, self._limit)
            if not page.records:
                break
            end = _seen(page)
        return end

    def _look(self, moment: int) -> Seen | None:
        page = self._filled(self._at(Since(moment)), 1)
        return _seen(page) if page.records else None

    def _filled(self, cursor: Cursor, limit: int) -> Page:
        """Return the next page that has records, or the one at the end: pages between may be empty."""
        page = cursor.page(limit)
        while not page.records and page.behind and page.iterator:
            self._sleep(self._options.limits.period)
            page = cursor.page(limit)
        return page

    def _at(self, position: Position) -> Cursor:
        return Cursor(self._client, self._stream, self._shard, position, self._options.fail_on_data_loss)


def _seen(page: Page) -> Seen:
    record = page.records[-1]
    return Seen(record["SequenceNumber"], record["ApproximateArrivalTimestamp"], page.behind)
