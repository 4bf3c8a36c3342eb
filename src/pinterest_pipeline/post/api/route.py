"""One kind of the API's routes: where records go, what a request's body is, and what its answer says of each record."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from pinterest_pipeline.post.records import Record


@dataclass(frozen=True)
class Refusal:
    """A record that can never pass, and why.

    Attributes:
        record: The record.
        reason: Why it cannot.
        sent: Whether the API said so; else no request could carry it.
    """

    record: Record
    reason: str
    sent: bool = True


@dataclass(frozen=True)
class Result:
    """What the answer to a request says of one of its records.

    Attributes:
        error: Why the record is not in; empty where it is.
        again: Whether it may pass later.
        maybe_in: Whether it may be in nevertheless.
        hopeless: Whether the error is the caller's or the topic's: no record would pass, this one or another.
    """

    error: str = ""
    again: bool = False
    maybe_in: bool = False
    hopeless: bool = False


@dataclass(frozen=True)
class Route(ABC):
    """A topic or a stream as the API's client sees it; retries, order and halving are the same for all of them.

    Attributes:
        name: Of the topic or the stream.
        method: The request's HTTP method.
        headers: The request's own headers.
        envelope: What is written in front of the first record and behind the last one.
        most_records: How many records a request may carry.
        most_record_bytes: How large a record's value and key may be together.
        speaker: What answers there, for the message where something else does.
        beyond: How the errors begin that come with the status of a bad request and are no record's fault.
        missing: What to check where it is not there.
        go_on: What to do after posting was stopped.
    """

    name: str
    method: ClassVar[str]
    headers: ClassVar[Mapping[str, str]]
    envelope: ClassVar[tuple[str, str]]
    most_records: ClassVar[int]
    most_record_bytes: ClassVar[int]
    speaker: ClassVar[str]
    beyond: ClassVar[tuple[str, ...]] = ()
    missing: ClassVar[str]
    go_on: ClassVar[str]

    @property
    @abstractmethod
    def path(self) -> str:
        """The path below the API's address."""

    @abstractmethod
    def key(self, record: Record) -> str:
        """Return the text that decides where in the topic or stream the record goes."""

    @abstractmethod
    def element(self, record: Record) -> str:
        """Write a record as it stands in a request's body: ASCII, so that characters are bytes."""

    @abstractmethod
    def results(self, document: dict[str, Any]) -> list[Result]:
        """Read the JSON of an answer 200: a result for each record of the request, in order.

        Raises:
            KeyError, TypeError, AttributeError: It is no answer of this kind of route.
        """

    def never(self, record: Record) -> str:
        """Return why the record can never pass, whatever request carries it; empty where it can."""
        if record.flaw:
            return record.flaw
        size = len(record.value) + len(self.key(record))
        if size <= self.most_record_bytes:
            return ""
        return f"{size:,} bytes of value and key are more than a record may have ({self.most_record_bytes:,})"

    def body(self, records: Iterable[Record]) -> bytes:
        """Write the body of the request that carries the records."""
        opening, closing = self.envelope
        return f"{opening}{','.join(map(self.element, records))}{closing}".encode("ascii")
