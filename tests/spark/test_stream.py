import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline import jobs, tasks
from pinterest_pipeline.entities import USER
from pinterest_pipeline.ingest.kinesis import NO_TEXT, Streams
from pinterest_pipeline.lake.tables import Lake, Origin
from pinterest_pipeline.refine.live import catch_up
from pinterest_pipeline.refine.merging import refine
from tests.support.landed import bring_in, keyed, land
from tests.support.streamed import Sender, clean, only, runs, versions
from tooling.local_cloud.spark.session import CATALOG

Pass = Callable[[], None]

# The other two are the same code, at three times the cost.
pytestmark = pytest.mark.entities(USER)


@pytest.fixture
def run(spark: SparkSession, lake: Lake, sent: Sender, checkpoints: str) -> Pass:
    return lambda: catch_up(spark, lake, sent.streams, checkpoints)


def test_every_record_becomes_one_raw_row_that_knows_where_it_stood(
    spark: SparkSession, lake: Lake, sent: Sender, checkpoints: str
) -> None:
    before, records = datetime.now(UTC).timestamp(), [keyed(USER, key) for key in range(20)]
    sent.send(USER, *records)
    catch_up(spark, lake, sent.streams, checkpoints)
    rows = (
        spark.table(lake.raw(USER)).withColumn("at", sf.col("arrived_at").cast("DOUBLE")).orderBy("position").collect()
    )
    assert sorted(json.loads(row["payload"])["ind"] for row in rows) == list(range(20))
    assert {row["origin"] for row in rows} == {"kinesis"}
    places = {tuple(row["position"].split("/")) for row in rows}
    assert {(stream, len(number)) for stream, _, number in places} == {(sent.streams.names.stream(USER), 56)}
    assert {shard for _, shard, _ in places} == {"shardId-000000000000", "shardId-000000000001"}
    assert len(places) == 20
    assert all(before - 1 <= row["at"] <= datetime.now(UTC).timestamp() for row in rows)


def test_a_second_run_with_nothing_new_changes_no_table(
    spark: SparkSession, lake: Lake, sent: Sender, run: Pass
) -> None:
    sent.send(USER, keyed(USER, 1), keyed(USER, 2))
    run()
    before = versions(spark, lake, USER)
    run()
    assert versions(spark, lake, USER) == before
    assert spark.table(lake.raw(USER)).count() == 2


def test_what_is_no_json_or_no_text_ends_in_quarantine_with_its_reason(
    spark: SparkSession, lake: Lake, sent: Sender, run: Pass
) -> None:
    latin = json.dumps(keyed(USER, 2, first_name="Zoë"), ensure_ascii=False).encode("latin-1")
    sent.send(USER, keyed(USER, 1, first_name="Zoë 🌍"), "{broken", latin)
    run()
    rows = spark.table(lake.quarantine(USER)).orderBy(sf.length("payload")).collect()
    assert rows[0]["reasons"] == ["payload: expected one JSON object, got {broken"]
    assert rows[1]["reasons"][0].startswith(f"payload: expected one JSON object, got {NO_TEXT}eyJ")
    assert [row["user_name"] for row in clean(spark, lake, USER)] == ["Zoë 🌍 Berg"]


def test_latencies_are_recorded_for_what_was_streamed_and_not_for_files(
    spark: SparkSession, lake: Lake, sent: Sender, run: Pass, tmp_path: Path, checkpoints: str
) -> None:
    sent.send(USER, *(keyed(USER, key) for key in range(10)))
    run()
    (ingested,), (refined,) = runs(spark, lake, "ingest"), runs(spark, lake, "refine")
    assert 0 < ingested["latency_p50_seconds"] <= ingested["latency_p99_seconds"] < refined["latency_p99_seconds"] < 300
    land(tmp_path, USER, 0, keyed(USER, 1))
    bring_in(spark, lake, tmp_path, checkpoints)
    unmeasured = spark.table(lake.runs).where("latency_p50_seconds IS NULL AND latency_p99_seconds IS NULL")
    assert sorted(row["stage"] for row in unmeasured.collect()) == ["ingest", "refine"]


def test_records_of_the_other_origin_are_left_to_its_job_and_cost_no_run(
    spark: SparkSession, lake: Lake, tmp_path: Path, checkpoints: str
) -> None:
    land(tmp_path, USER, 0, keyed(USER, 1), "no JSON")
    bring_in(spark, lake, tmp_path, checkpoints)
    before = versions(spark, lake, USER)
    refine(spark, lake, checkpoints, Origin.KINESIS)
    assert versions(spark, lake, USER) == before


@pytest.mark.connect
def test_the_task_stream_makes_the_tables_and_brings_in_what_the_streams_hold(
    spark: SparkSession, sent: Sender, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, USER)
    lake, names = Lake(CATALOG, f"task_{uuid4().hex}"), sent.streams.names
    sent.send(USER, keyed(USER, 1), keyed(USER, 1, age=37))
    monkeypatch.setattr(jobs, "Streams", partial(Streams, endpoint=sent.streams.endpoint))
    place = ["--catalog", lake.catalog, "--schema", lake.schema, "--prefix", names.prefix, "--checkpoints", checkpoints]
    tasks.stream([*place, "--region", sent.streams.region, "--service-credential=", "--trigger=available_now"])
    assert [(row["ind"], row["age"]) for row in clean(spark, lake, USER)] == [(1, 37)]


@pytest.mark.parametrize("wrong", ["--trigger=once", "--interval-seconds=-1", "--interval-seconds=inf"])
def test_the_task_stream_refuses_what_is_no_way_to_run_it(wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        tasks.stream(["--catalog=c", "--schema=s", "--prefix=test-0001", "--checkpoints=/c", wrong])
    assert refusal.value.code == 2
    assert f"argument {wrong.partition('=')[0]}: " in capsys.readouterr().err
