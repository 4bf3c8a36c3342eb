from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.entities import ENTITIES, USER
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.tables import (
    LINEAGE,
    Lake,
    create_tables,
    definitions,
    last_change,
    literal,
    quoted,
    table_version,
)
from tooling.local_cloud.spark.session import CATALOG, attach_tables

HOSTILE = ["it's", "a`b", "``", "\\", "\\'", "'; DROP TABLE pin; --", 'a "b"', "a\nb", "été", "%s {x} $y", "a.b c"]


@pytest.fixture
def tables(lake: Lake) -> list[str]:
    return [*(name(entity) for entity in ENTITIES for name in (lake.raw, lake.clean, lake.quarantine)), lake.runs]


def test_creating_the_tables_again_changes_nothing(spark: SparkSession, lake: Lake, tables: list[str]) -> None:
    create_tables(spark, lake)
    assert [table_version(spark, table) for table in tables] == [0] * len(tables)


def test_an_existing_schema_is_not_created_again(spark: SparkSession, lake: Lake) -> None:
    with patch.object(spark, "sql", wraps=spark.sql) as sql:
        create_tables(spark, lake)
    assert sql.called
    assert [call for call in sql.mock_calls if "CREATE SCHEMA" in str(call)] == []


def test_a_clean_table_has_the_declared_columns_and_says_what_they_are(spark: SparkSession, lake: Lake) -> None:
    declared = [(column.name, column.type, column.about) for column in (*USER.clean, *LINEAGE)]
    there = [
        (field.name, field.dataType.simpleString().upper(), field.metadata["comment"])
        for field in spark.table(lake.clean(USER)).schema
    ]
    assert there == [(name, kind.replace(", ", ","), about) for name, kind, about in declared]


@pytest.mark.entities(USER)
def test_a_table_of_an_earlier_version_is_brought_to_its_definition_without_a_rewrite(
    spark: SparkSession, lake: Lake
) -> None:
    table, [wanted] = lake.raw(USER), [each for each in definitions() if each.name == "user_raw"]
    spark.sql(f"DROP TABLE {table}")
    columns = "payload STRING, origin STRING COMMENT 'whence', position STRING, arrived_at TIMESTAMP"
    spark.sql(f"CREATE TABLE {table} ({columns}) USING DELTA TBLPROPERTIES ('delta.appendOnly' = 'true')")
    earlier = spark.createDataFrame([("{}", "s3", "file:1")], "payload STRING, origin STRING, position STRING")
    earlier.write.format("delta").mode("append").saveAsTable(table)
    files = spark.table(table).inputFiles()
    create_tables(spark, lake)
    assert spark.table(table).inputFiles() == files
    assert [(each.name, each.metadata["comment"]) for each in spark.table(table).schema] == [
        (column.name, column.about) for column in wanted.columns
    ]
    [detail] = spark.sql(f"DESCRIBE DETAIL {table}").collect()
    assert tuple(detail["clusteringColumns"]) == wanted.clustering
    assert wanted.table_properties.items() <= detail["properties"].items()
    assert detail["properties"].keys() >= {f"delta.constraints.{check}" for check in wanted.checks}
    version = table_version(spark, table)
    create_tables(spark, lake)
    assert table_version(spark, table) == version


def test_any_name_and_any_text_may_stand_in_sql(spark: SparkSession) -> None:
    selected = ", ".join(f"{literal(text)} AS {quoted(text)}" for text in HOSTILE)
    [row] = spark.sql(f"SELECT {selected}").collect()
    assert row.asDict() == {text: text for text in HOSTILE}


def test_a_backquote_does_not_end_the_name_of_a_catalog_or_schema() -> None:
    assert Lake("a`b", "c`d").table("e`f") == "`a``b`.`c``d`.`e``f`"


def test_a_comment_may_hold_a_quote(spark: SparkSession, lake: Lake) -> None:
    text = "It's a \\ path"
    spark.sql(f"COMMENT ON TABLE {lake.runs} IS {literal(text)}")
    described = {row["col_name"]: row["data_type"] for row in spark.sql(f"DESCRIBE EXTENDED {lake.runs}").collect()}
    assert described["Comment"] == text


def test_a_history_that_holds_only_maintenance_has_no_change(spark: SparkSession, tmp_path: Path) -> None:
    place = tmp_path / "table"
    name = f"delta.{quoted(str(place))}"
    spark.sql(f"CREATE TABLE {name} (number INT) USING DELTA TBLPROPERTIES ('delta.checkpointInterval' = '1')")
    for number in range(2):
        rows = spark.range(number, number + 1).selectExpr("int(id) AS number")
        rows.write.format("delta").mode("append").save(str(place))
    spark.sql(f"OPTIMIZE {name}")
    assert last_change(spark, name) == 2
    # What Delta does when their time is over: the checkpoint stands for them.
    for version in range(3):
        (place / "_delta_log" / f"{version:020d}.json").unlink()
    assert last_change(spark, name) == -1


def test_a_table_that_is_not_there_has_no_version(spark: SparkSession, lake: Lake) -> None:
    with pytest.raises(StageError, match="create the tables first"):
        table_version(spark, lake.table("nowhere"))


@pytest.fixture
def earlier(spark: SparkSession) -> Iterator[Lake]:
    lake = Lake(CATALOG, f"earlier_{uuid4().hex}")
    yield lake
    spark.sql(f"DROP SCHEMA {lake.full_schema} CASCADE")


def test_tables_of_an_earlier_session_are_found_in_their_folder(
    spark: SparkSession, earlier: Lake, tmp_path: Path
) -> None:
    warehouse = tmp_path / "it's a `warehouse`"
    spark.range(3).write.format("delta").save(str(warehouse / f"{earlier.schema}.db" / "pin"))
    for _ in range(2):
        attach_tables(spark, warehouse, earlier)
    assert spark.table(earlier.clean(ENTITIES[0])).count() == 3
