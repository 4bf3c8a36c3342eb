from threading import Event

import pytest
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.lake.queries import retry_on_conflict, run_until_stopped

CONFLICTS = [
    "io.delta.exceptions.ConcurrentAppendException: [DELTA_CONCURRENT_APPEND.WITHOUT_HINT] Transaction conflict",
    "[DELTA_CONCURRENT_DELETE_READ] Transaction conflict detected",
    "[DELTA_METADATA_CHANGED] MetadataChangedException: The metadata of the Delta table has been changed",
]


class Commit:
    """A commit that fails with each of some errors, in order, before it succeeds."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.done = 0

    def __call__(self) -> None:
        if self.errors:
            raise self.errors.pop(0)
        self.done += 1


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("pinterest_pipeline.lake.queries.time.sleep", waited.append)
    return waited


def test_a_commit_that_lost_against_another_writer_is_tried_again_after_growing_waits(waits: list[float]) -> None:
    commit = Commit(*map(RuntimeError, CONFLICTS))
    retry_on_conflict(commit)
    assert commit.done == 1
    assert waits == sorted(set(waits))
    assert len(waits) == len(CONFLICTS)


def test_a_commit_that_always_loses_ends_with_the_conflict() -> None:
    with pytest.raises(RuntimeError, match="DELTA_CONCURRENT_APPEND"):
        retry_on_conflict(Commit(*(RuntimeError(CONFLICTS[0]) for _ in range(100))))


def test_another_failure_is_raised_at_once(waits: list[float]) -> None:
    commit = Commit(ValueError("a table named CONCURRENT is not there"))
    with pytest.raises(ValueError, match="not there"):
        retry_on_conflict(commit)
    assert (commit.done, waits) == (0, [])


def test_no_query_starts_once_somebody_has_asked_for_the_end() -> None:
    def start() -> StreamingQuery:
        raise AssertionError("it was started")

    stop = Event()
    stop.set()
    run_until_stopped([start], stop, upkeep=lambda: None)
