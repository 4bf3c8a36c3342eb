from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import KEY_COLUMNS, AwsKeys
from pinterest_pipeline.ingest.legacy_mount.credentials import keys_from_scope, keys_from_table
from pinterest_pipeline.lake.tables import Lake
from tests.support.stand_ins import DbUtils, Secrets

PAIR = ("AKIAOFTHETEST", "secret-of-the-test")


def upload(
    spark: SparkSession, table: str, *pairs: tuple[str | None, ...], columns: tuple[str, ...] = KEY_COLUMNS
) -> None:
    """Write the table that an uploaded credential file becomes; the spaces in its header need column mapping."""
    schema = ", ".join(f"`{column}` STRING" for column in columns)
    spark.sql(f"CREATE TABLE {table} ({schema}) USING DELTA TBLPROPERTIES ('delta.columnMapping.mode' = 'name')")
    spark.createDataFrame(list(pairs), schema).write.format("delta").mode("append").saveAsTable(table)


@pytest.fixture
def table(lake: Lake) -> str:
    return lake.table("authentication_credentials")


def test_the_keys_are_read_from_the_table(spark: SparkSession, table: str) -> None:
    upload(spark, table, PAIR)
    assert keys_from_table(spark, table) == AwsKeys(*PAIR)


def test_the_keys_are_read_from_the_folder_of_the_table(spark: SparkSession, table: str) -> None:
    upload(spark, table, (" AKIAOFTHETEST ", "secret-of-the-test\n"))
    folder = spark.sql(f"DESCRIBE DETAIL {table}").collect()[0]["location"]
    assert keys_from_table(spark, folder) == AwsKeys(*PAIR)


def test_more_columns_do_no_harm(spark: SparkSession, table: str) -> None:
    upload(spark, table, ("ann", *PAIR), columns=("User name", *KEY_COLUMNS))
    assert keys_from_table(spark, table) == AwsKeys(*PAIR)


def test_other_columns_are_named(spark: SparkSession, table: str) -> None:
    upload(spark, table, PAIR, columns=("_c0", "_c1"))
    with pytest.raises(StageError, match=r"expected the columns 'Access key ID'.* found '_c0', '_c1'"):
        keys_from_table(spark, table)


def test_an_empty_table_is_refused(spark: SparkSession, table: str) -> None:
    upload(spark, table)
    with pytest.raises(StageError, match="found no row"):
        keys_from_table(spark, table)


def test_several_rows_are_refused_without_showing_them(spark: SparkSession, table: str) -> None:
    upload(spark, table, PAIR, PAIR)
    with pytest.raises(StageError, match="found several rows") as refusal:
        keys_from_table(spark, table)
    assert PAIR[1] not in str(refusal.value)


def test_a_missing_value_is_refused(spark: SparkSession, table: str) -> None:
    upload(spark, table, (None, PAIR[1]))
    with pytest.raises(StageError, match="one of them is empty"):
        keys_from_table(spark, table)


@pytest.mark.parametrize("missing", ["nowhere_to_be_found", "{folder}/nowhere"])
def test_a_missing_table_says_what_to_do(spark: SparkSession, tmp_path: Path, missing: str) -> None:
    with pytest.raises(StageError, match="upload the credential file"):
        keys_from_table(spark, missing.format(folder=tmp_path))


def test_the_keys_are_read_from_a_secret_scope() -> None:
    values = {("pinterest", "aws-access-key-id"): PAIR[0], ("pinterest", "aws-secret-access-key"): PAIR[1]}
    assert keys_from_scope(DbUtils(secrets=Secrets(values)), "pinterest") == AwsKeys(*PAIR)


def test_a_missing_secret_says_what_to_do() -> None:
    with pytest.raises(StageError, match="databricks secrets put-secret"):
        keys_from_scope(DbUtils(), "pinterest")
