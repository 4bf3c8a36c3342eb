"""Stages that die between two commits, and stages that run into each other: nothing is lost, doubled or miscounted."""

import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from threading import Barrier
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import USER, Entity
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest import files as landing
from pinterest_pipeline.ingest import raw
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.tables import Lake, Origin
from pinterest_pipeline.refine import merging as refining
from pinterest_pipeline.refine.merging import refine, replay
from pinterest_pipeline.refine.rules import judge
from tests.support.landed import NAMES, keyed, land, mend
from tests.support.power import PowerCutError, cut_off
from tests.support.reading import rows

Counts = list[tuple[int, int, int, int]]

# The other two are the same code, at three times the cost.
pytestmark = pytest.mark.entities(USER)


def arrive(spark: SparkSession, lake: Lake, *records: dict[str, Any], file: str = "file") -> None:
    """Put records into the raw table, as ingest does."""
    positions = [f"{file}:{line:010d}" for line in range(len(records))]
    frame = spark.createDataFrame(pa.table({"payload": [json.dumps(each) for each in records], "position": positions}))
    added = {"origin": sf.lit("s3"), "arrived_at": sf.current_timestamp(), "batch_id": sf.lit("earlier/0")}
    arrived = frame.withColumns(added)
    arrived.write.format("delta").mode("append").saveAsTable(lake.raw(USER))


def ages(spark: SparkSession, lake: Lake) -> list[tuple[int, int]]:
    return sorted((row["ind"], row["age"]) for row in rows(spark, lake.clean(USER)))


def counts(spark: SparkSession, lake: Lake, stage: str) -> Counts:
    """Return read, kept, rejected and replaced of every recorded run of the stage."""
    runs = rows(spark, lake.runs, f"stage = '{stage}'")
    return [(run["rows_read"], run["rows_kept"], run["rows_rejected"], run["rows_replaced"]) for run in runs]


def test_a_refine_batch_that_died_after_its_commits_is_done_again_as_if_it_had_not(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, keyed(USER, 1, age=20), keyed(USER, 1, age=21), keyed(USER, 2, age=22), keyed(USER, 3, age=-3))
    cut_off(monkeypatch, refining, "record")
    with pytest.raises(StageError, match="resumes when it is started again"):
        refine(spark, lake, checkpoints, Origin.S3)
    assert counts(spark, lake, "refine") == []
    refine(spark, lake, checkpoints, Origin.S3)
    assert ages(spark, lake) == [(1, 21), (2, 22)]
    assert len(rows(spark, lake.quarantine(USER))) == 1
    assert counts(spark, lake, "refine") == [(4, 2, 1, 1)]


def judge_as(monkeypatch: pytest.MonkeyPatch, youngest: int) -> None:
    """Change the rule for the least age from now on."""
    source = tuple(replace(column, minimum=youngest) if column.name == "age" else column for column in USER.source)
    monkeypatch.setattr(refining, "judge", lambda records, _: judge(records, replace(USER, source=source)))


def test_what_only_the_first_attempt_of_a_batch_rejected_is_clean_and_not_in_quarantine(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, keyed(USER, 1, age=20), keyed(USER, 2, age=-3), keyed(USER, 3, age=-30))
    cut_off(monkeypatch, refining, "merge_newest")
    with pytest.raises(StageError):
        refine(spark, lake, checkpoints, Origin.S3)
    assert len(rows(spark, lake.quarantine(USER))) == 2
    judge_as(monkeypatch, youngest=-10)
    refine(spark, lake, checkpoints, Origin.S3)
    assert ages(spark, lake) == [(1, 20), (2, -3)]
    assert len(rows(spark, lake.quarantine(USER))) == 1
    assert counts(spark, lake, "refine") == [(3, 2, 1, 0)]


def test_what_only_the_first_attempt_of_a_batch_accepted_is_in_quarantine_and_its_key_as_it_was_before(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, keyed(USER, 1, age=20), keyed(USER, 2, age=22))
    refine(spark, lake, checkpoints, Origin.S3)
    judge_as(monkeypatch, youngest=-10)
    arrive(spark, lake, keyed(USER, 1, age=-3), keyed(USER, 3, age=-4), keyed(USER, 4, age=24), file="later")
    cut_off(monkeypatch, refining, "record")
    with pytest.raises(StageError):
        refine(spark, lake, checkpoints, Origin.S3)
    assert ages(spark, lake) == [(1, -3), (2, 22), (3, -4), (4, 24)]
    judge_as(monkeypatch, youngest=0)
    refine(spark, lake, checkpoints, Origin.S3)
    assert ages(spark, lake) == [(1, 20), (2, 22), (4, 24)]
    assert len(rows(spark, lake.quarantine(USER))) == 2
    assert sorted(counts(spark, lake, "refine")) == [(2, 2, 0, 0), (3, 1, 2, 0)]


def test_a_judged_batch_is_on_disk_while_it_is_written_and_no_longer(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, keyed(USER, 1), keyed(USER, 2, age=-3))
    kept, merge_newest = list[Path](), refining.merge_newest

    def look(judged: DataFrame, lake: Lake, entity: Entity, batch: str, **known: bool) -> int:
        kept.extend(Path(checkpoints).glob("judged/refine_s3/user/0000000000-*/*.parquet"))
        return merge_newest(judged, lake, entity, batch, **known)

    killed = Path(checkpoints) / "judged" / "refine_s3" / "user" / "0000000000-of-a-killed-attempt"
    killed.mkdir(parents=True)
    monkeypatch.setattr(refining, "merge_newest", look)
    refine(spark, lake, checkpoints, Origin.S3)
    assert kept
    assert [path for path in Path(checkpoints, "judged").rglob("*") if path.is_file() or path == killed] == []


def test_an_ingest_batch_that_died_after_its_append_adds_nothing_again(
    spark: SparkSession, lake: Lake, tmp_path: Path, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    land(tmp_path, USER, 0, keyed(USER, 1), keyed(USER, 2))

    def ingest() -> None:
        landing.ingest_landing(spark, lake, NAMES, str(tmp_path), checkpoints, Reader.FILES)

    cut_off(monkeypatch, raw, "record")
    with pytest.raises(StageError, match="resumes when it is started again"):
        ingest()
    ingest()
    assert len(rows(spark, lake.raw(USER))) == 2
    assert counts(spark, lake, "ingest") == [(2, 2, 0, 0)]


def test_a_replay_that_died_twice_counts_each_record_once_though_quarantine_has_changed_in_between(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, keyed(USER, 1, age=-3), keyed(USER, 2, age=-4))
    refine(spark, lake, checkpoints, Origin.S3)
    mend(spark, lake, USER, '"age": -3', '"age": 30')
    cut_off(monkeypatch, refining, "append_runs_once")
    with pytest.raises(PowerCutError):
        replay(spark, lake)
    mend(spark, lake, USER, '"age": 30', '"age":  30')
    cut_off(monkeypatch, refining, "delete_records")
    with pytest.raises(PowerCutError):
        replay(spark, lake)
    replay(spark, lake)
    assert ages(spark, lake) == [(1, 30)]
    assert len(rows(spark, lake.quarantine(USER))) == 1
    assert counts(spark, lake, "replay") == [(2, 1, 1, 0)]


def test_two_refiners_at_the_same_moment_keep_each_key_once(
    spark: SparkSession, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrive(spark, lake, *(keyed(USER, key) for key in range(20)))
    both_there, merge_newest = Barrier(2, timeout=280), refining.merge_newest

    def merge_together(judged: DataFrame, lake: Lake, entity: Entity, batch: str, **known: bool) -> int:
        both_there.wait()
        return merge_newest(judged, lake, entity, batch, **known)

    monkeypatch.setattr(refining, "merge_newest", merge_together)
    # One session has no two queries of one name; two jobs have a session each.
    sessions = {"one": spark, "other": spark.newSession()}
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: refine(sessions[name], lake, str(tmp_path / name), Origin.S3), sessions))
    assert [key for key, _ in ages(spark, lake)] == list(range(20))
    assert sorted(counts(spark, lake, "refine")) == [(20, 0, 0, 20), (20, 20, 0, 0)]
