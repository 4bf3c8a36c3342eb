from concurrent.futures import Future
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.refine.live import query_name
from tooling.demo.stream_half import Flowing, Tallies

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

NAMES = [query_name(entity) for entity in ENTITIES]


def query(name: str, *, stopped: bool) -> SimpleNamespace:
    """Stand in for a query; one that is stopped while somebody waits for it lets the wait end as if all were done."""
    made = SimpleNamespace(name=name, isActive=True)

    def wait() -> None:
        made.isActive = not stopped

    made.processAllAvailable = wait
    return made


class Session:
    """Stands in for a session that has the stream half's queries."""

    def __init__(self, stopped: str = "") -> None:
        self._queries = [query(name, stopped=name == stopped) for name in NAMES]

    @property
    def streams(self) -> SimpleNamespace:
        return SimpleNamespace(active=[query for query in self._queries if query.isActive])


def settle(session: Session, following: "Future[None]") -> Tallies:
    posting: Future[Tallies] = Future()
    posting.set_result(())
    return Flowing(posting, following).settle(cast("SparkSession", session))


def test_once_every_query_has_taken_everything_it_is_settled() -> None:
    assert settle(Session(), Future()) == ()


def test_a_query_that_was_stopped_while_it_was_waited_for_has_not_taken_everything() -> None:
    following: Future[None] = Future()
    following.set_exception(StageError("another query failed"))

    with pytest.raises(StageError, match="another query failed"):
        settle(Session(stopped=NAMES[1]), following)
