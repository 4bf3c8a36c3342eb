"""The tasks' part of the source: reads ranges, a few shards at a time, and yields them as Arrow batches."""

import logging
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pyarrow as pa

from spark_kinesis.arrow import data_bytes, to_batch, unpack
from spark_kinesis.buffers import Buffer, StoppedError
from spark_kinesis.client import Client, Page, Record
from spark_kinesis.cursors import Cursor, lost_records
from spark_kinesis.options import Options
from spark_kinesis.pacing import Pace, next_limit
from spark_kinesis.positions import After, Finished
from spark_kinesis.progress import ShardProgress
from spark_kinesis.ranges import Generation, Range

_LOG = logging.getLogger(__name__)

_THREADS = 8
_READ_AHEAD = 64 * 2**20
"""Maximum bytes that a task fetches ahead of Spark, even if `fetchBufferSize` allows more."""

Report = Callable[[ShardProgress], None]
"""Receives the progress of a shard."""


class RangeReader:
    """Reads one range.

    Args:
        client: Calls Kinesis.
        options: The source's options.
        found: The range.
        sleep: Waits so many seconds.
    """

    def __init__(self, client: Client, options: Options, found: Range, sleep: Callable[[float], None]) -> None:
        """Create a reader at the start of the range."""
        self._client = client
        self._options = options
        self._range = found
        self._sleep = sleep
        self._lag = 0
        self._records = 0
        self._bytes = 0

    def batches(self) -> Iterator[pa.RecordBatch]:
        """Yield the records in order, a fetch at a time.

        Raises:
            KinesisSourceError: The shard cannot be read, or the range's records expired.
        """
        found, start = self._range, self._range.start
        if found.prefetched:
            start = found.prefetched.position
            yield self._counted(unpack(found.prefetched.batch))
        if start == found.end:
            return
        cursor = Cursor(self._client, found.stream, found.shard, start, self._options.fail_on_data_loss)
        for records in self._fetched(cursor):
            if records:
                yield self._counted(to_batch(found.stream.name, found.shard, records))

    def progress(self) -> ShardProgress:
        """Return the progress so far."""
        return ShardProgress(self._range.stream.name, self._range.shard, self._records, self._bytes, self._lag)

    def _counted(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        self._records += batch.num_rows
        self._bytes += data_bytes(batch)
        return batch

    def _fetched(self, cursor: Cursor) -> Iterator[Sequence[Record]]:
        full, pace = self._options.limits.records, Pace(self._options.limits)
        prefetched = self._range.prefetched
        limit, ends_at = (prefetched.limit or full, prefetched.ends_at) if prefetched else (full, None)
        reached = False
        while not reached:
            self._sleep(pace.rest(time.monotonic()))
            began = time.monotonic()
            page = cursor.page(limit)
            pace.fetched(began, page.size)
            self._lag = page.lag
            wanted, reached = self._until_end(page)
            yield wanted
            limit = next_limit(full, page.records, ends_at)

    def _until_end(self, page: Page) -> tuple[Sequence[Record], bool]:
        """Return the page's records up to the range's end, and whether the end was reached."""
        over = page.iterator is None
        end = self._range.end
        if isinstance(end, Finished):
            return page.records, over
        wanted = page.records
        if wanted and int(page.last.sequence) >= int(end.sequence):
            over = True
            wanted = [record for record in wanted if int(record["SequenceNumber"]) <= int(end.sequence)]
        over = over or not (page.records or page.lag)
        if over and not (wanted and wanted[-1]["SequenceNumber"] == end.sequence):
            self._lost(end)
        return wanted, over

    def _lost(self, end: After) -> None:
        error = lost_records(
            f"the record {end.sequence}, where a batch ends in the shard {self._range.shard}, has expired"
        )
        if self._options.fail_on_data_loss:
            raise error
        _LOG.warning("%s", error)


def read(client: Client, options: Options, task: Sequence[Generation], report: Report) -> Generator[pa.RecordBatch]:
    """Yield the records of a task: the shards of one generation concurrently, then the next generation.

    Args:
        client: Calls Kinesis.
        options: The source's options.
        task: The ranges, by generation.
        report: Receives the progress of each shard when it is done.

    Raises:
        KinesisSourceError: A shard cannot be read, or a range's records expired.
    """
    for generation in task:
        yield from _read_together(client, options, generation, report)


def _read_together(client: Client, options: Options, ranges: Generation, report: Report) -> Generator[pa.RecordBatch]:
    buffer = Buffer(len(ranges), min(options.limits.buffer, _READ_AHEAD))
    readers = [RangeReader(client, options, found, buffer.rest) for found in ranges]
    with ThreadPoolExecutor(min(_THREADS, len(ranges)), "kinesis") as pool:
        for reader in readers:
            pool.submit(_fill, buffer, reader)
        try:
            yield from buffer.drain()
        finally:
            buffer.stop()
    for reader in readers:
        report(reader.progress())


def _fill(buffer: Buffer, reader: RangeReader) -> None:
    try:
        for batch in reader.batches():
            buffer.put(batch)
        buffer.end()
    except StoppedError:
        buffer.end()
    except BaseException as error:
        buffer.end(error)
        raise
