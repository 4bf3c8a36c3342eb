import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline import jobs, tasks
from pinterest_pipeline.entities import USER
from pinterest_pipeline.ingest.kinesis import NO_TEXT, Streams
from pinterest_pipeline.lake.tables import Lake, Origin, create_tables
from pinterest_pipeline.refine.live import catch_up
from pinterest_pipeline.refine.merging import refine
from tests.support.landed import bring_in, keyed, land
from tests.support.reading import rows
from tests.support.streamed import Sender, clean, only, runs, sender, versions
from tooling.local_cloud.spark.session import CATALOG

SECOND = timedelta(seconds=1)  # Kinesis and this process may read clocks that differ


@dataclass(frozen=True)
class Filled:
    """A lake that one run has filled from its streams; the tests that share it leave it as it is."""

    lake: Lake
    streams: Streams
    checkpoints: str
    since: datetime


@pytest.fixture(scope="module")
def filled(spark: SparkSession, kinesis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    lake, sent = Lake(CATALOG, f"streamed_{uuid4().hex}"), sender(kinesis_url)
    filled = Filled(lake, sent.streams, str(tmp_path_factory.mktemp("checkpoints")), datetime.now(UTC))
    latin = json.dumps(keyed(USER, 18, first_name="Zoë"), ensure_ascii=False).encode("latin-1")
    sent.send(USER, *(keyed(USER, key, first_name="Zoë 🌍") for key in range(18)), "{broken", latin)
    with pytest.MonkeyPatch.context() as patched:
        only(patched, USER)
        create_tables(spark, lake)
        catch_up(spark, lake, sent.streams, filled.checkpoints)
    yield filled
    spark.sql(f"DROP SCHEMA {lake.full_schema} CASCADE")


def test_every_record_becomes_one_raw_row_that_knows_where_it_stood(spark: SparkSession, filled: Filled) -> None:
    found = rows(spark, filled.lake.raw(USER))
    payloads = [row["payload"] for row in found if row["payload"].endswith("}")]
    assert sorted(json.loads(payload)["ind"] for payload in payloads) == list(range(18))
    assert {row["origin"] for row in found} == {"kinesis"}
    places = {tuple(row["position"].split("/")) for row in found}
    assert {(stream, len(number)) for stream, _, number in places} == {(filled.streams.names.stream(USER), 56)}
    assert {shard for _, shard, _ in places} == {"shardId-000000000000", "shardId-000000000001"}
    assert len(places) == len(found) == 20
    assert all(filled.since - SECOND <= row["arrived_at"] <= datetime.now(UTC) for row in found)


def test_what_is_no_json_or_no_text_ends_in_quarantine_with_its_reason(spark: SparkSession, filled: Filled) -> None:
    broken, latin = sorted(rows(spark, filled.lake.quarantine(USER)), key=lambda row: len(row["payload"]))
    assert broken["reasons"] == ["payload: expected one JSON object, got {broken"]
    assert latin["reasons"][0].startswith(f"payload: expected one JSON object, got {NO_TEXT}eyJ")
    assert {row["user_name"] for row in clean(spark, filled.lake, USER)} == {"Zoë 🌍 Berg"}


def test_latencies_are_recorded_for_what_was_streamed(spark: SparkSession, filled: Filled) -> None:
    (ingested,), (refined,) = runs(spark, filled.lake, "ingest"), runs(spark, filled.lake, "refine")
    assert 0 < ingested["latency_p50_seconds"] <= ingested["latency_p99_seconds"] < refined["latency_p99_seconds"] < 300


def test_a_second_run_with_nothing_new_changes_no_table(
    spark: SparkSession, filled: Filled, monkeypatch: pytest.MonkeyPatch
) -> None:
    only(monkeypatch, USER)
    before = versions(spark, filled.lake, USER)
    catch_up(spark, filled.lake, filled.streams, filled.checkpoints)
    assert versions(spark, filled.lake, USER) == before


@pytest.mark.entities(USER)
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
