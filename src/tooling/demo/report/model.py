"""What a report is made of: plain values, filled by whoever ran the pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pinterest_pipeline.publish.answers import Answer


@dataclass(frozen=True)
class Flow:
    """The rows at one stage of the way.

    Attributes:
        stage: Its name in a person's words, such as `in Kafka`.
        counts: Rows of each entity, by the entity's name.
    """

    stage: str
    counts: Mapping[str, int]

    @property
    def rows(self) -> int:
        """The rows of all entities."""
        return sum(self.counts.values())


@dataclass(frozen=True)
class Check:
    """Two counts that must be the same.

    Attributes:
        name: What is compared, such as `posted = in Kafka, pin`.
        expected: The count that must come out.
        found: The count that came out.
    """

    name: str
    expected: int
    found: int

    @property
    def holds(self) -> bool:
        """Whether the counts are the same."""
        return self.expected == self.found


@dataclass(frozen=True)
class Rejection:
    """Rows that one column of which breaks one rule; a row with two such faults is in two of these."""

    entity: str
    rule: str
    reason: str
    rows: int


@dataclass(frozen=True)
class AnswerRows:
    """One answer and its rows, each with a value for every column of the answer."""

    answer: Answer
    rows: Sequence[Sequence[object]]


@dataclass(frozen=True)
class Commit:
    """One batch of a stream on its way into a raw table, at the moment when it was there.

    Attributes:
        entity: Whose records.
        at: Seconds from the start of the run to the commit.
        took: Seconds from the entity's commit before, or from its first record's arrival, to this one.
        rows: Records of the batch.
        latency_p50: Half of its records took no longer than this from their arrival to the commit, in seconds.
        latency_p99: 99% of them took no longer than this.
        lag: Seconds from the arrival of its newest record to the commit: how far the table was behind.
    """

    entity: str
    at: float
    took: float
    rows: int
    latency_p50: float
    latency_p99: float
    lag: float


@dataclass(frozen=True)
class Stream:
    """How the streams' records came into the raw tables.

    Attributes:
        commits: Every batch, in the order of time.
        latency_p50: Seconds from arrival to commit that half of all records did not exceed.
        latency_p99: Seconds that 99% of all records did not exceed.
    """

    commits: Sequence[Commit]
    latency_p50: float
    latency_p99: float


@dataclass(frozen=True)
class Report:
    """All that one page shows.

    Attributes:
        title: What ran, such as `Batch run`.
        prefix: The deployment's id.
        source: Where the rows came from; never with a password.
        started_at: When the run started.
        seconds: How long the whole run took.
        times: How long each piece of work took that was timed on its own, in seconds, by its name.
        flows: The stages in the order of the way.
        checks: Every count that was compared.
        rejections: Why rows were turned away.
        stream: How the streams' records came in; None where none did.
        answers: The answers in the order of the page.
    """

    title: str
    prefix: str
    source: str
    started_at: datetime
    seconds: float
    times: Mapping[str, float]
    flows: Sequence[Flow]
    checks: Sequence[Check]
    rejections: Sequence[Rejection]
    stream: Stream | None
    answers: Sequence[AnswerRows]
