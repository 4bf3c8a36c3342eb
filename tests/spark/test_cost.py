"""What the batch half costs in operations: each is paid for, whatever it holds (docs/decisions/0013)."""

import sys
from pathlib import Path
from uuid import uuid4

from pyspark.sql import Row, SparkSession

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import Lake, create_tables
from pinterest_pipeline.publish.publishing import publish
from tests.support.landed import bring_in, keyed, land
from tooling.local_cloud.spark.session import CATALOG

CHILDRENS_FAULTS = 8  # `cminflt` of proc_pid_stat(5), counted from the state, which follows the name
EXECUTIONS = 156  # docs/decisions/0013 says what most of them are


def executions(spark: SparkSession) -> int:
    """Return how many SQL executions there were since the session began; in Python the count has no public name."""
    return int(vars(spark)["_jsparkSession"].sharedState().statusStore().executionsCount())


def test_the_batch_half_takes_few_executions(spark: SparkSession, tmp_path: Path, checkpoints: str) -> None:
    lake = Lake(CATALOG, f"cost_{uuid4().hex}")
    for entity in ENTITIES:
        land(tmp_path, entity, 0, *(keyed(entity, key) for key in range(20)))
    before = executions(spark)
    create_tables(spark, lake)
    bring_in(spark, lake, tmp_path, checkpoints)
    publish(spark, lake, checkpoints)
    assert executions(spark) - before <= EXECUTIONS
    assert spark.table(lake.table("q6_users_joined_by_year")).collect() == [Row(post_year=2016, number_users_joined=1)]


def faults_of_ended_processes(spark: SparkSession) -> int:
    """Return the page faults of all processes that Spark's JVM started and that have ended: each has hundreds."""
    java = vars(spark)["_jvm"].java.lang.ProcessHandle.current().pid()
    after_the_name = Path(f"/proc/{java}/stat").read_text(encoding="utf-8").rpartition(")")[2]
    return int(after_the_name.split()[CHILDRENS_FAULTS])


def test_no_process_is_started_to_write_a_file(spark: SparkSession, tmp_path: Path) -> None:
    rows, before = spark.range(1), faults_of_ended_processes(spark)
    rows.write.format("delta").save(str(tmp_path))
    assert faults_of_ended_processes(spark) == before


def test_a_python_worker_has_no_archive_to_look_through_before_each_task(spark: SparkSession) -> None:
    paths = spark.sparkContext.parallelize([0], 1).mapPartitions(lambda _: sys.path).collect()
    assert [path for path in paths if path.endswith((".jar", ".zip")) and Path(path).exists()] == []
