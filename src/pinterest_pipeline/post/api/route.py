"""A kind of route of the API: its path, the body of its requests, and the result of each record in its responses."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pinterest_pipeline.post.records import Record


@dataclass(frozen=True)
class Refusal:
    """A refused record and the reason.

    Attributes:
        record: The record.
        reason: Why it was refused.
        sent: Whether the API refused it; else it was not sent.
    """

    record: Record
    reason: str
    sent: bool = True


@dataclass(frozen=True)
class Result:
    """The result of one record of a request.

    Attributes:
        error: Why the record was not accepted; empty if it was.
        retry: Whether to send it again.
        maybe_written: Whether it may be written nevertheless.
        fatal: Whether the error is the caller's or the topic's, so that every record would fail.
    """

    error: str = ""
    retry: bool = False
    maybe_written: bool = False
    fatal: bool = False


@dataclass(frozen=True)
class Route(ABC):
    """The route to a topic or a stream; retries, order and splitting of requests are common to all routes.

    Attributes:
        name: The topic's or stream's name.
        method: The request's HTTP method.
        headers: The request's own headers.
        envelope: The text before the first record and after the last one.
        max_records: Maximum records per request.
        max_record_bytes: Maximum size of a record's value and key together.
        peer_name: The service that is expected to answer, for error messages.
        service_errors: Prefixes of errors with status 400 that are not caused by a record.
        missing: What to check if the topic or stream does not exist.
        resume_hint: What to do after posting was stopped.
    """

    name: str
    method: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]
    envelope: ClassVar[tuple[str, str]]
    max_records: ClassVar[int]
    max_record_bytes: ClassVar[int]
    peer_name: ClassVar[str]
    service_errors: ClassVar[tuple[str, ...]] = ()
    missing: ClassVar[str]
    resume_hint: ClassVar[str]

    @property
    @abstractmethod
    def path(self) -> str:
        """The path below the API's address."""

    @abstractmethod
    def key(self, record: Record) -> str:
        """Return the key that determines the record's partition or shard."""

    @abstractmethod
    def element(self, record: Record) -> str:
        """Return a record as an element of a request's body: ASCII, so that characters are bytes."""

    @abstractmethod
    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the JSON of a response 200: a result for each record of the request, in order.

        Raises:
            KeyError, TypeError, AttributeError: It is not a response of this kind of route.
        """

    def refusal_reason(self, record: Record) -> str:
        """Return why the record cannot be sent in any request; empty if it can."""
        if record.flaw:
            return record.flaw
        size = len(record.value) + len(self.key(record))
        if size <= self.max_record_bytes:
            return ""
        return f"{size:,} bytes of value and key are more than a record may have ({self.max_record_bytes:,})"

    def body(self, records: Iterable[Record]) -> bytes:
        """Return the body of a request with the records."""
        opening, closing = self.envelope
        return f"{opening}{','.join(map(self.element, records))}{closing}".encode("ascii")
