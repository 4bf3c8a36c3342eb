"""What is deleted leaves the files, too."""

from urllib.parse import urlparse

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline import tasks
from pinterest_pipeline.entities import USER
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.refine.merging import delete_records


def payloads(spark: SparkSession, table: str) -> list[str]:
    """Return what is in the files of a table, deleted or not."""
    files = [urlparse(file).path for file in spark.table(table).inputFiles()]
    return sorted(f"{text}" for file in files for text in pq.read_table(file)["payload"].to_pylist())


@pytest.mark.entities(USER)
def test_upkeep_takes_deleted_rows_out_of_their_files(spark: SparkSession, lake: Lake) -> None:
    table = lake.quarantine(USER)
    rows = [("s3", f"file:{line}", text) for line, text in enumerate(("goes", "stays"))]
    held = spark.createDataFrame(rows, "origin STRING, position STRING, payload STRING").coalesce(1)
    held.write.format("delta").mode("append").saveAsTable(table)
    delete_records(held.where("payload = 'goes'"), table)
    assert payloads(spark, table) == ["goes", "stays"]
    tasks.upkeep(["--catalog", lake.catalog, "--schema", lake.schema])
    assert payloads(spark, table) == ["stays"]
