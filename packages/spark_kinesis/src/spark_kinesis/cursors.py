"""A reader's place in one shard: pages in order, with a new iterator where the last one expired."""

import logging

from spark_kinesis.client import Client, IteratorExpiredError, NotInShardError, Page
from spark_kinesis.errors import DataLossError, OptionError, ServiceError
from spark_kinesis.options import Stream
from spark_kinesis.positions import Finished, Position, Since, TrimHorizon

_LOG = logging.getLogger(__name__)
_ITERATORS = 5


class Cursor:
    """Reads a shard from a position on.

    Args:
        client: Calls Kinesis.
        stream: The stream.
        shard: The shard's id.
        position: Where to begin.
        fail_on_data_loss: Whether to stop where the position is not in the shard any more; else the oldest
            record comes next.
    """

    def __init__(
        self, client: Client, stream: Stream, shard: str, position: Position, fail_on_data_loss: bool = True
    ) -> None:
        """Begin nowhere yet: the first page asks for an iterator."""
        self._client = client
        self._stream = stream
        self._shard = shard
        self._iterator: str | None = None
        self._fail_on_data_loss = fail_on_data_loss
        self.position = position

    def page(self, limit: int) -> Page:
        """Return the next records, `limit` at most.

        Raises:
            KinesisSourceError: Kinesis does not answer, or what was to be read next expired.
        """
        page = self._next(limit)
        self._iterator = page.iterator
        if page.records:
            self.position = page.last
        if page.iterator is None:
            self.position = Finished()
        return page

    def _next(self, limit: int) -> Page:
        for _ in range(_ITERATORS):
            try:
                return self._client.page(self._stream, self._iterator or self._new(), limit)
            except IteratorExpiredError:
                self._iterator = None
        raise ServiceError(
            f"{_ITERATORS} iterators in a row of the shard {self._shard} of the stream {self._stream.name} expired; "
            "check the machine's network"
        )

    def _new(self) -> str:
        try:
            return self._client.iterator(self._stream, self._shard, self.position)
        except NotInShardError as error:
            if isinstance(self.position, Since):
                raise OptionError(
                    f"Kinesis does not read the stream {self._stream.name} from {self.position.ms} milliseconds since "
                    f"1970: {error}; initialPosition must not lie in the future"
                ) from error
            lost = f"{self.position} is not in the shard {self._shard} of the stream {self._stream.name}: {error}"
            if self._fail_on_data_loss:
                raise lost_records(lost) from error
            _LOG.warning("%s; reading goes on at the oldest record", lost)
            return self._client.iterator(self._stream, self._shard, TrimHorizon())


def lost_records(what: str) -> DataLossError:
    """Return the error of records that cannot be had any more.

    Args:
        what: What was looked for and not found.
    """
    return DataLossError(
        f"records may be lost: {what}. With failOnDataLoss=false the query goes on with the oldest records that are "
        "there; with a new checkpoint it begins anew"
    )
