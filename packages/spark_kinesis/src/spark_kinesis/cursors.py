"""A reader's position in one shard: pages in order, with a new iterator when the last one expired."""

import logging

from spark_kinesis.client import Client, IteratorExpiredError, NotInShardError, Page
from spark_kinesis.errors import DataLossError, OptionError, ServiceError
from spark_kinesis.options import Stream
from spark_kinesis.positions import Finished, Position, Since, TrimHorizon

_LOG = logging.getLogger(__name__)
_ATTEMPTS = 5


class Cursor:
    """Reads a shard from a position.

    Args:
        client: Calls Kinesis.
        stream: The stream.
        shard: The shard's id.
        position: Where to begin.
        fail_on_data_loss: Whether to fail if the shard no longer has the position; else reading continues with the
            oldest record.
    """

    def __init__(
        self, client: Client, stream: Stream, shard: str, position: Position, fail_on_data_loss: bool = True
    ) -> None:
        """Create a cursor; the first page requests an iterator."""
        self._client = client
        self._stream = stream
        self._shard = shard
        self._iterator: str | None = None
        self._fail_on_data_loss = fail_on_data_loss
        self.position = position

    def page(self, limit: int) -> Page:
        """Return the next records, at most `limit`.

        Raises:
            KinesisSourceError: Kinesis does not answer, or the next record expired.
        """
        page = self._next(limit)
        self._iterator = page.iterator
        if page.records:
            self.position = page.last
        if page.iterator is None:
            self.position = Finished()
        return page

    def _next(self, limit: int) -> Page:
        for _ in range(_ATTEMPTS):
            try:
                return self._client.page(self._stream, self._iterator or self._new(), limit)
            except IteratorExpiredError:
                self._iterator = None
        raise ServiceError(
            f"{_ATTEMPTS} iterators in a row of the shard {self._shard} of the stream {self._stream.name} expired; "
            "check the machine's network"
        )

    def _new(self) -> str:
        try:
            return self._client.iterator(self._stream, self._shard, self.position)
        except NotInShardError as error:
            if isinstance(self.position, Since):
                raise OptionError(
                    f"Kinesis cannot read the stream {self._stream.name} from {self.position.ms} milliseconds since "
                    f"1970: {error}; initialPosition must not lie in the future"
                ) from error
            lost = f"{self.position} is not in the shard {self._shard} of the stream {self._stream.name}: {error}"
            if self._fail_on_data_loss:
                raise lost_records(lost) from error
            _LOG.warning("%s; reading continues with the oldest record", lost)
            return self._client.iterator(self._stream, self._shard, TrimHorizon())


def lost_records(what: str) -> DataLossError:
    """Return the error for records that are no longer available.

    Args:
        what: The reason.
    """
    return DataLossError(
        f"records may be lost: {what}. With failOnDataLoss=false the query continues with the oldest available "
        "records; with a new checkpoint it starts over"
    )
