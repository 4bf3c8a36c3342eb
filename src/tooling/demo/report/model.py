"""The content of a report as plain values."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pinterest_pipeline.publish.answers import Answer


@dataclass(frozen=True)
class Flow:
    """The rows at one stage.

    Attributes:
        stage: Its title, such as `in Kafka`.
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
        expected: The expected count.
        found: The actual count.
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
    """The commit of one batch of a stream to a raw table.

    Attributes:
        entity: Whose records.
        at: Seconds from the start of the run to the commit.
        took: Seconds from the entity's commit before, or from its first record's arrival, to this one.
        rows: Records of the batch.
        latency_p50: Median latency of its records from arrival to commit, in seconds.
        latency_p99: The 99th percentile of the same.
        lag: Seconds from the arrival of its newest record to the commit.
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
    """The commits of the streams' records to the raw tables.

    Attributes:
        commits: Every batch, in the order of time.
        latency_p50: Median latency of all records from arrival to commit, in seconds.
        latency_p99: The 99th percentile of the same.
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
        source: The source's name, without a password.
        started_at: When the run started.
        seconds: How long the whole run took.
        times: Seconds of each stage that was timed, by its name.
        flows: The stages, from the source to the clean tables.
        checks: Every count that was compared.
        rejections: Why rows were rejected.
        stream: The streams' commits; None without any.
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
