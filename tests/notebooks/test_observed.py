"""The bundle's alerts and views on the schema that the notebooks fill.

What only a workspace does is not seen here: that an alert is delivered and a right is granted.
"""

from pathlib import Path

import pytest
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, USER, Rule
from pinterest_pipeline.lake.tables import Lake, quoted
from pinterest_pipeline.publish.sharing import create_views, grants
from tests.notebooks.conftest import Workspace
from tests.support.bundle_resolver import GIVEN, load
from tests.support.notebook_runner import Page
from tooling.databricks_setup.bundle.dashboard import Panel, answers, health

ROOT = Path(__file__).parents[2]
GROUP = "pinterest analysts`; --"

pytestmark = pytest.mark.connect


@pytest.fixture(scope="module")
def lake(spark: SparkSession, workspace: Workspace, pages: dict[str, Page]) -> Lake:
    """The schema after every notebook: eight user records, of which one is no JSON, and seven of the others."""
    assert pages
    create_views(spark, workspace.lake)
    return workspace.lake


def alert(lake: Lake, key: str, **given: str) -> str:
    """Return the query of an alert of prod, with this schema instead of prod's."""
    place = {**GIVEN["prod"], "catalog": lake.catalog, "schema": lake.schema, **given}
    query: str = load(ROOT, "prod", place).resources("alerts")[key]["query_text"]
    return query


def with_rows(query: str, lake: Lake, table: str, rows: DataFrame) -> str:
    """Return the query with other rows instead of a table."""
    rows.createOrReplaceTempView("rows_instead")
    assert lake.table(table) in query
    return query.replace(lake.table(table), quoted("rows_instead"))


def found(spark: SparkSession, query: str) -> list[tuple[object, ...]]:
    return [tuple(row) for row in spark.sql(query).collect()]


def earlier(rows: DataFrame, hours: Column) -> DataFrame:
    return rows.withColumn("arrived_at", sf.col("arrived_at") - sf.make_dt_interval(hours=hours))


# Alerts


def test_new_data_of_every_entity_does_not_fire(spark: SparkSession, lake: Lake) -> None:
    assert found(spark, alert(lake, "no_new_data")) == [(False, "geo, pin, user")]


def test_one_entity_without_new_data_for_more_than_a_day_fires(spark: SparkSession, lake: Lake) -> None:
    arrivals = spark.table(lake.table("arrivals"))
    stopped = earlier(arrivals, sf.when(sf.col("entity") == "geo", 27).otherwise(25))
    assert found(spark, with_rows(alert(lake, "no_new_data"), lake, "arrivals", stopped)) == [(True, "pin, user")]


def test_a_schema_without_records_fires(spark: SparkSession, lake: Lake) -> None:
    empty = spark.table(lake.table("arrivals")).limit(0)
    assert found(spark, with_rows(alert(lake, "no_new_data"), lake, "arrivals", empty)) == [(True, "")]


ONE_IN_EIGHT = ("user", "payload", Rule.NOT_ONE_OBJECT, 12.5)


@pytest.mark.parametrize(("percent", "fires"), [("12.5", False), ("12.4", True)])
def test_a_rule_that_rejects_more_than_the_share_fires_and_is_named(
    spark: SparkSession, lake: Lake, percent: str, *, fires: bool
) -> None:
    assert found(spark, alert(lake, "quarantine_share", alert_quarantine_percent=percent)) == [(fires, *ONE_IN_EIGHT)]


def test_older_rejections_do_not_fire(spark: SparkSession, lake: Lake) -> None:
    old = earlier(spark.table(lake.table("rejections")), sf.lit(25))
    assert found(spark, with_rows(alert(lake, "quarantine_share"), lake, "rejections", old)) == []


@pytest.mark.parametrize(("seconds", "fires"), [(300.0, False), (300.1, True)])
def test_a_stream_that_lags_fires(spark: SparkSession, lake: Lake, seconds: float, *, fires: bool) -> None:
    streamed = spark.table(lake.runs).where("latency_p99_seconds IS NOT NULL").withColumn("finished_at", sf.now())
    slow = streamed.withColumn("latency_p99_seconds", sf.lit(seconds))
    assert found(spark, with_rows(alert(lake, "stream_lag"), lake, "runs", slow)) == [(fires, "geo", seconds)]


def test_a_batch_of_files_has_no_lag(spark: SparkSession, lake: Lake) -> None:
    files = spark.table(lake.runs).where("latency_p99_seconds IS NULL")
    assert found(spark, with_rows(alert(lake, "stream_lag"), lake, "runs", files)) == []


# What analysts read


def test_names_of_people_are_masked(spark: SparkSession, lake: Lake) -> None:
    masked = spark.table(lake.table("user_masked"))
    assert masked.columns == [column.name for column in USER.clean]
    assert {row["user_name"] for row in masked.collect()} == {"***"}
    assert masked.count() == spark.table(lake.clean(USER)).count()


def test_a_rejection_is_counted_without_the_rejected_text(spark: SparkSession, lake: Lake) -> None:
    [row] = spark.table(lake.table("rejections")).collect()
    assert row.asDict().keys() == {"entity", "field", "rule", "origin", "arrived_at"}
    assert "no JSON" not in str(row)


def test_every_raw_record_has_its_arrival(spark: SparkSession, lake: Lake) -> None:
    counts = spark.table(lake.table("arrivals")).groupBy("entity").count().collect()
    assert dict(map(tuple, counts)) == {"geo": 7, "pin": 7, "user": 8}


def test_analysts_read_every_table_except_records_and_names(spark: SparkSession, lake: Lake) -> None:
    statements = list(grants(lake, GROUP))
    granted = {statement.split("`")[5] for statement in statements}
    shown = spark.sql(f"SHOW TABLES IN {lake.full_schema}").where("NOT isTemporary").collect()
    kept = {USER.name, *(f"{entity.name}_{kind}" for entity in ENTITIES for kind in ("raw", "quarantine"))}
    assert granted == {row["tableName"] for row in shown} - kept
    assert {statement.partition(" TO ")[2] for statement in statements} == {"`pinterest analysts``; --`"}


# Dashboard


def shown(spark: SparkSession, lake: Lake, panel: Panel) -> tuple[list[str], list[tuple[object, ...]]]:
    """Run a panel's query in the schema, as the dashboard does."""
    before = spark.catalog.currentDatabase()
    spark.catalog.setCurrentDatabase(lake.schema)
    try:
        frame = spark.sql("\n".join(panel.lines))
        return frame.columns, [tuple(row) for row in frame.collect()]
    finally:
        spark.catalog.setCurrentDatabase(before)


def test_every_answer_of_the_dashboard_is_the_one_that_publish_wrote(
    spark: SparkSession, lake: Lake, pages: dict[str, Page]
) -> None:
    for panel, answer in zip(answers(), pages["explore"].shown, strict=False):
        columns, rows = shown(spark, lake, panel)
        assert columns == answer.columns == list(panel.columns)
        assert sorted(rows, key=str) == sorted(answer.rows, key=str)


@pytest.mark.parametrize("panel", [*health()], ids=lambda panel: panel.name)
def test_a_panel_of_health_has_the_columns_that_it_draws(spark: SparkSession, lake: Lake, panel: Panel) -> None:
    columns, rows = shown(spark, lake, panel)
    assert columns == list(panel.columns)
    assert rows


def test_health_counts_arrivals_and_rejections(spark: SparkSession, lake: Lake) -> None:
    panels = {panel.name: panel for panel in health()}
    _, newest = shown(spark, lake, panels["newest_records"])
    assert [(row[0], row[2]) for row in newest] == [("geo", 7), ("pin", 7), ("user", 8)]
    _, rejected = shown(spark, lake, panels["rejections_by_rule"])
    assert [row[:4] for row in rejected] == [(*ONE_IN_EIGHT[:3], 1)]
