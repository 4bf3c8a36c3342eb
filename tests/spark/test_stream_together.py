"""Batch and stream beside each other, and the queries of one stream beside each other."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Barrier, Event

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import GEO, PIN, USER
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.queries import Outcome, retry_on_conflict
from pinterest_pipeline.lake.tables import Lake, Origin, create_tables
from pinterest_pipeline.refine import merging as refining
from pinterest_pipeline.refine.live import catch_up, follow
from pinterest_pipeline.refine.merging import refine
from tests.support.landed import NAMES, bring_in, keyed, land
from tests.support.reading import rows
from tests.support.streamed import Sender, clean, runs
from tests.support.waiting import eventually

WAIT_SECONDS = 280
POSTS = tuple(keyed(GEO, key, country=f"Land {key}") for key in range(12))


def together(*passes: Callable[[], None]) -> None:
    with ThreadPoolExecutor() as pool:
        for each in [pool.submit(each) for each in passes]:
            each.result()


@pytest.mark.entities(GEO)
def test_the_same_rows_by_batch_and_by_stream_at_once_and_twice_give_the_table_of_rows_posted_once(
    spark: SparkSession, lake: Lake, sent: Sender, tmp_path: Path, checkpoints: str
) -> None:
    once = Lake(lake.catalog, f"{lake.schema}_once")
    create_tables(spark, once)
    land(tmp_path / "once", GEO, 0, *POSTS)
    bring_in(spark, once, tmp_path / "once", str(tmp_path / "once_checkpoints"))
    for start, order in ((0, POSTS[::-1]), (12, POSTS[1::2] + POSTS[::2])):
        land(tmp_path / "batch", GEO, start, *order[::-1])
        sent.send(GEO, *order)
        together(
            partial(bring_in, spark.newSession(), lake, tmp_path / "batch", checkpoints),
            partial(catch_up, spark, lake, sent.streams, checkpoints),
        )
    assert clean(spark, lake, GEO) == clean(spark, once, GEO)
    assert len(rows(spark, lake.raw(GEO))) == 48


def meet_at_the_commit(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let two merges begin at the same moment, so that one of them loses; return every try."""
    both_there, tries = Barrier(2, timeout=WAIT_SECONDS), list[str]()

    def meet(commit: Callable[[], Outcome]) -> Outcome:
        def noted() -> Outcome:
            tries.append("try")
            return commit()

        both_there.wait()
        return retry_on_conflict(noted)

    monkeypatch.setattr(refining, "retry_on_conflict", meet)
    return tries


@pytest.mark.entities(USER)
def test_two_jobs_that_merge_at_the_same_moment_both_succeed(
    spark: SparkSession, lake: Lake, sent: Sender, tmp_path: Path, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent.send(USER, *(keyed(USER, key) for key in range(10)))
    land(tmp_path, USER, 0, *(keyed(USER, key) for key in range(5, 15)))
    ingest_landing(spark, lake, NAMES, str(tmp_path), checkpoints, Reader.FILES)
    tries = meet_at_the_commit(monkeypatch)
    together(
        partial(catch_up, spark, lake, sent.streams, checkpoints),
        partial(refine, spark.newSession(), lake, checkpoints, Origin.S3),
    )
    assert len(tries) > 2
    assert [row["ind"] for row in clean(spark, lake, USER)] == list(range(15))
    assert sum(row["rows_kept"] for row in runs(spark, lake, "refine")) == 15


def holds(spark: SparkSession, lake: Lake, number: int) -> bool:
    return len(rows(spark, lake.clean(USER))) == number


@contextmanager
def following(spark: SparkSession, lake: Lake, sent: Sender, checkpoints: str) -> Iterator[None]:
    """Follow the streams while the block runs; what they fail with is raised at its end."""
    stop = Event()
    with ThreadPoolExecutor(1) as pool:
        followed = pool.submit(follow, spark, lake, sent.streams, checkpoints, 0.2, stop)
        try:
            yield
        finally:
            stop.set()
            followed.result()


@pytest.mark.connect
@pytest.mark.entities(USER)
def test_following_brings_rows_as_they_come_and_leaves_no_query_behind(
    spark: SparkSession, lake: Lake, sent: Sender, checkpoints: str
) -> None:
    with following(spark, lake, sent, checkpoints):
        for number in (1, 2):
            sent.send(USER, keyed(USER, number))
            assert eventually(partial(holds, spark, lake, number))
    assert spark.streams.active == []
    sent.send(USER, keyed(USER, 3))
    catch_up(spark, lake, sent.streams, checkpoints)
    assert [row["ind"] for row in clean(spark, lake, USER)] == [1, 2, 3]
    assert len(rows(spark, lake.raw(USER))) == 3


@pytest.mark.entities(USER, PIN)
def test_a_query_that_fails_stops_the_others_with_one_clear_error(
    spark: SparkSession, lake: Lake, sent: Sender, checkpoints: str
) -> None:
    sent.client.delete_stream(StreamName=sent.streams.names.stream(PIN))
    with pytest.raises(StageError, match="resumes when it is started again") as failure:
        follow(spark, lake, sent.streams, checkpoints, 0.2)
    assert "\n" not in str(failure.value)
    assert sent.streams.names.stream(PIN) in str(failure.value)
    assert spark.streams.active == []
