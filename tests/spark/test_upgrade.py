"""From tables and checkpoints of an earlier version to those of this one."""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import PIN, USER, Rule
from pinterest_pipeline.lake.tables import Lake, create_tables, table_version
from pinterest_pipeline.refine.live import catch_up
from pinterest_pipeline.refine.rules import judge
from tests.support.earlier_lake import ARCHIVE, ROOT, SCHEMA
from tests.support.landed import bring_in, keyed, record
from tests.support.streamed import Sender, only
from tooling.local_cloud.spark.session import CATALOG, attach_tables

WRONG = [
    json.dumps(record(PIN, index="seven", follower_count="many: 3", is_image_or_video="gif", downloaded=-1)),
    json.dumps(record(PIN, index=None, title={"a": "the key is missing"}, downloaded="expected 0 to 1, got 2")),
    json.dumps({"index": 1}),
    json.dumps(record(PIN, index=-1)),
    json.dumps(record(PIN))[:-1] + ', "index": 2}',
    "no JSON: the field is missing",
]


@pytest.mark.entities(PIN)
def test_sentences_of_an_earlier_version_become_the_rejections_that_they_were_made_of(
    spark: SparkSession, lake: Lake
) -> None:
    records = spark.createDataFrame(
        [(line, f"{place}") for place, line in enumerate(WRONG)], "payload STRING, position STRING"
    )
    judged = judge(records, PIN).withColumns(
        {"reasons": sf.col("rejections.text"), "origin": sf.lit("s3"), "batch_id": sf.lit("earlier")}
    )
    expected = {row["position"]: row["rejections"] for row in judged.collect()}
    earlier = judged.select("payload", "position", "origin", "batch_id", "reasons")
    earlier.write.format("delta").mode("append").saveAsTable(lake.quarantine(PIN))
    for _ in range(2):
        create_tables(spark, lake)
        assert table_version(spark, lake.quarantine(PIN)) == 2
    rows = spark.table(lake.quarantine(PIN)).collect()
    assert {row["position"]: row["rejections"] for row in rows} == expected
    assert {each["rule"] for row in rows for each in row["rejections"]} == {*Rule}


@pytest.fixture
def earlier(spark: SparkSession, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lake]:
    """A lake as an earlier version left it, with its checkpoints and landed files in the test's folder."""
    lake = Lake(CATALOG, f"earlier_{uuid4().hex}")
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(tmp_path, filter="data")
    (tmp_path / f"{SCHEMA}.db").rename(tmp_path / f"{lake.schema}.db")
    for file in (tmp_path / "checkpoints").rglob("*"):
        if file.is_file():
            file.write_text(file.read_text("utf-8").replace(ROOT, str(tmp_path)), "utf-8")
    only(monkeypatch, USER)
    attach_tables(spark, tmp_path, lake)
    yield lake
    spark.sql(f"DROP SCHEMA {lake.full_schema} CASCADE")


def test_a_lake_of_an_earlier_version_goes_on_and_judges_only_what_it_had_not(
    spark: SparkSession, earlier: Lake, sent: Sender, tmp_path: Path
) -> None:
    checkpoints, upgraded = str(tmp_path / "checkpoints"), datetime.now(UTC)
    sent.send(USER, keyed(USER, 5, age=25))
    create_tables(spark, earlier)
    bring_in(spark, earlier, tmp_path / "landing", checkpoints)
    catch_up(spark, earlier, sent.streams, checkpoints)
    clean = spark.table(earlier.clean(USER)).orderBy("ind").collect()
    assert [(row["ind"], row["age"]) for row in clean] == [(1, 21), (2, 22), (3, 23), (4, 24), (5, 25)]
    rejected = spark.table(earlier.quarantine(USER)).select(sf.inline("rejections")).collect()
    assert sorted(row["rule"] for row in rejected) == ["not_one_object", "out_of_range", "out_of_range"]
    assert spark.table(earlier.raw(USER)).count() == 9
    runs = spark.table(earlier.runs).where((sf.col("stage") == "refine") & (sf.col("started_at") > sf.lit(upgraded)))
    # One record that was in raw by each way, and the one that came since.
    assert [row["rows_read"] for row in runs.collect()] == [1, 1, 1]
    assert not Path(checkpoints, "refine_kinesis").exists()
