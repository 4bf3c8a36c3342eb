import json
import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from operator import itemgetter
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import GEO, USER
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest import files as ingest
from pinterest_pipeline.ingest.files import ingest_landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake.runs import now
from pinterest_pipeline.lake.staging import STAGED
from pinterest_pipeline.lake.tables import Lake, create_tables
from pinterest_pipeline.publish import publishing
from pinterest_pipeline.publish.answers import Answer
from pinterest_pipeline.publish.publishing import publish
from pinterest_pipeline.refine import merging as refining
from tests.support.answering import named, publish_only
from tests.support.landed import NAMES, bring_in, keyed, land, record
from tests.support.reading import rows, version
from tests.support.streamed import clean, only
from tooling.local_cloud.spark.session import CATALOG

Pass = Callable[[], None]
FIRST_WRITTEN = time.time() - 3600


@pytest.fixture
def landing(tmp_path: Path) -> Path:
    return tmp_path / "landing"


@pytest.fixture
def run(spark: SparkSession, lake: Lake, landing: Path, checkpoints: str) -> Pass:
    return lambda: bring_in(spark, lake, landing, checkpoints)


@pytest.fixture(scope="module")
def filled(spark: SparkSession, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lake]:
    """A lake that one run has filled; the tests that share it only read."""
    folder, lake = tmp_path_factory.mktemp("filled"), Lake(CATALOG, f"filled_{uuid4().hex}")
    landing = folder / "landing"
    land(landing, USER, 7, keyed(USER, 1), keyed(USER, 1), keyed(USER, 2, nickname="Ad", tags=["a", 1]))
    land(landing, USER, 10, keyed(USER, 3, age=-3))
    of_windows = "{broken\r"  # a line there ends with two characters
    land(landing, GEO, 0, keyed(GEO, 1, latitude=91, longitude="east"), of_windows)
    with pytest.MonkeyPatch.context() as patched:
        only(patched, GEO, USER)
        create_tables(spark, lake)
        bring_in(spark, lake, landing, str(folder / "checkpoints"))
    yield lake
    spark.sql(f"DROP SCHEMA {lake.full_schema} CASCADE")


def test_every_line_becomes_one_raw_row_that_knows_where_it_stood(spark: SparkSession, filled: Lake) -> None:
    found = sorted(rows(spark, filled.raw(USER)), key=itemgetter("position"))
    partition = "topics/test-0001.user/partition=0/test-0001.user"
    first = [f"{partition}+0+0000000007.json:000000000{line}" for line in (1, 2, 3)]
    assert [row["position"] for row in found] == [*first, f"{partition}+0+0000000010.json:0000000001"]
    assert {row["origin"] for row in found} == {"s3"}


def test_a_record_that_is_not_clean_goes_to_quarantine_with_every_reason(spark: SparkSession, filled: Lake) -> None:
    found = sorted(rows(spark, filled.quarantine(GEO)), key=itemgetter("position"))
    assert [[tuple(rejection.values()) for rejection in row["rejections"]] for row in found] == [
        [
            ("out_of_range", "latitude", "latitude: expected -90 to 90, got 91"),
            ("wrong_kind", "longitude", "longitude: expected a number, got east"),
        ],
        [("not_one_object", "payload", "payload: expected one JSON object, got {broken")],
    ]
    assert [row["reasons"] for row in found] == [[each["text"] for each in row["rejections"]] for row in found]
    assert rows(spark, filled.clean(GEO)) == []


def test_the_counts_of_every_run_add_up(spark: SparkSession, filled: Lake) -> None:
    [row] = rows(spark, filled.runs, "stage = 'refine' AND subject = 'user'")
    assert (row["rows_read"], row["rows_kept"], row["rows_rejected"], row["rows_replaced"]) == (4, 2, 1, 1)


def test_no_latency_is_recorded_for_files(spark: SparkSession, filled: Lake) -> None:
    runs = rows(spark, filled.runs)
    assert {run["stage"] for run in runs} == {"ingest", "refine"}
    assert {run[latency] for run in runs for latency in ("latency_p50_seconds", "latency_p99_seconds")} == {None}


def test_unknown_fields_are_kept_aside(spark: SparkSession, filled: Lake) -> None:
    found = sorted(rows(spark, filled.clean(USER)), key=itemgetter("ind"))
    assert [row["_extra"] for row in found] == [None, [("nickname", "Ad"), ("tags", '["a",1]')]]


@pytest.mark.entities(USER)
def test_a_folder_whose_name_looks_like_a_pattern_is_that_folder_and_no_other(
    spark: SparkSession, lake: Lake, tmp_path: Path
) -> None:
    land(tmp_path / "land [24]*", USER, 0, keyed(USER, 1))
    land(tmp_path / "land 2 of a neighbour", USER, 0, keyed(USER, 2))

    bring_in(spark, lake, tmp_path / "land [24]*", str(tmp_path / "checks {1,2}[3]?"))

    assert [row["ind"] for row in clean(spark, lake, USER)] == [1]


def test_auto_loader_which_cannot_be_told_so_refuses_such_a_folder(spark: SparkSession) -> None:
    untouched, landing, checkpoints = Lake(CATALOG, "untouched"), "/Volumes/land [2024]", "/Volumes/checks"
    with pytest.raises(StageError, match="as a pattern"):
        ingest_landing(spark, untouched, NAMES, landing, checkpoints, Reader.AUTO_LOADER)


@pytest.mark.entities(USER)
def test_a_second_run_with_nothing_new_writes_nothing(
    spark: SparkSession, lake: Lake, landing: Path, checkpoints: str, run: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_only(monkeypatch, named("q6"))
    land(landing, USER, 0, record(USER))
    run()
    publish(spark, lake, checkpoints)
    tables = [lake.raw(USER), lake.clean(USER), lake.quarantine(USER), lake.runs, lake.table(named("q6").name)]
    before = [version(spark, table) for table in tables]
    run()
    publish(spark, lake, checkpoints)
    assert [version(spark, table) for table in tables] == before


@pytest.mark.entities(USER)
def test_posts_are_on_disk_only_while_publish_computes_the_answers(
    spark: SparkSession, lake: Lake, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_only(monkeypatch, named("q6"))
    folder, seen, views = Path(checkpoints, STAGED, "publish"), list[Path](), list[str]()
    killed, living = folder / "20240501T120000-killed", folder / f"{now():%Y%m%dT%H%M%S}-of-another-run"
    for attempt in (killed, living):
        attempt.mkdir(parents=True)

    def fail(_spark: SparkSession, _answer: Answer, view: str) -> None:
        views.append(view)
        seen.extend(folder.rglob("*.parquet"))
        raise StageError("interrupted")

    monkeypatch.setattr(publishing, "answered", fail)
    with pytest.raises(StageError, match="interrupted"):
        publish(spark, lake, checkpoints)
    assert [file.suffix for file in seen] == [".parquet"]
    assert list(folder.iterdir()) == [living]
    assert [spark.catalog.tableExists(view) for view in views] == [False]


@pytest.mark.entities(USER)
def test_the_newest_wins_in_a_large_batch_whether_or_not_it_repeats_a_key(
    spark: SparkSession, lake: Lake, landing: Path, run: Pass, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(refining, "_MANY_ROWS", 3)
    land(landing, USER, 0, keyed(USER, 1, age=20), keyed(USER, 2, age=30), keyed(USER, 1, age=21))
    run()
    assert [(row["ind"], row["age"]) for row in clean(spark, lake, USER)] == [(1, 21), (2, 30)]
    land(landing, USER, 3, keyed(USER, 1, age=22), keyed(USER, 3, age=40), keyed(USER, 4, age=-1))
    run()
    assert [(row["ind"], row["age"]) for row in clean(spark, lake, USER)] == [(1, 22), (2, 30), (3, 40)]


def written(path: Path, seconds: int, *lines: str) -> Path:
    """Write a landed file, some seconds after the first."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    os.utime(path, (FIRST_WRITTEN + seconds, FIRST_WRITTEN + seconds))
    return path


@pytest.mark.entities(USER)
def test_a_landed_file_that_is_written_again_makes_no_record_newer_and_none_twice(
    spark: SparkSession, lake: Lake, landing: Path, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Spark's own reader stands in for Auto Loader: without its checkpoint it reads again what it finds.
    found = vars(ingest)["_files"]
    monkeypatch.setattr(ingest, "_files", lambda spark, folder, _: found(spark, folder, Reader.FILES))
    first, newer = (json.dumps(keyed(USER, 1, age=age)) for age in (20, 30))
    file = written(land(landing, USER, 0), 0, first, "no JSON")
    written(land(landing, USER, 2), 10, newer)
    bring_in(spark, lake, landing, checkpoints, Reader.AUTO_LOADER)
    shutil.rmtree(Path(checkpoints) / "ingest_s3")
    written(file, 20, first, "no JSON", json.dumps(keyed(USER, 2)))
    bring_in(spark, lake, landing, checkpoints, Reader.AUTO_LOADER)
    raw = rows(spark, lake.raw(USER), "position LIKE '%0000000000.json%'")
    assert [*Counter(row["arrived_at"] for row in raw).values()] == [5]
    assert [row["age"] for row in clean(spark, lake, USER)] == [30, 36]
    assert len(rows(spark, lake.quarantine(USER))) == 1
