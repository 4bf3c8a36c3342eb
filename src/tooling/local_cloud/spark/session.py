"""A Spark session with Delta and Kinesis on one machine, tuned for it."""

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path

import pyspark
from pyspark.sql import SparkSession

from pinterest_pipeline.lake.tables import Lake, literal
from spark_kinesis import KinesisDataSource
from tooling.local_cloud.jars import jars, java
from tooling.local_cloud.spark import python_daemon
from tooling.local_cloud.spark.engine import SMALL_WORK, EngineProfile

DELTA = "io.delta:delta-spark_4.1_2.13:4.4.0"
LOCAL_FILES = "com.globalmentor:hadoop-bare-naked-local-fs:0.1.0"
CATALOG = "spark_catalog"

_LOCALHOST = "127.0.0.1"
_EMPTY_DEFAULTS = Path(__file__).parent / "hadoop"
_ATTEMPTS = 4  # of a task, as on a cluster: two queries of one table can make one fail (docs/decisions/0013)
# Hadoop calls the operating system by a native library, which Spark's Python package does not contain. Without it, it
# starts a process for each file that it creates (`chmod`) or renames by the newer of its two interfaces (`readlink`).
# These use Java's own calls, and the older interface (docs/decisions/0013).
_FILES_WITHOUT_PROCESSES = {
    "spark.hadoop.fs.file.impl": "com.globalmentor.apache.hadoop.fs.BareLocalFileSystem",
    "spark.delta.logStore.file.impl": "io.delta.storage.LocalLogStore",
    "spark.sql.streaming.checkpointFileManagerClass": (
        "org.apache.spark.sql.execution.streaming.checkpointing.FileSystemBasedCheckpointFileManager"
    ),
}


def local_spark(warehouse: Path, log: Path | None = None, engine: EngineProfile = SMALL_WORK) -> SparkSession:
    """Start Spark, or return the running session, with its tables in this folder.

    A session does not know the tables of an earlier one: `attach_tables` registers them. Its Python workers find AWS
    credentials, or do not, in the environment as it is now.

    Args:
        warehouse: The folder of the tables; made where it is missing.
        log: The file for Spark's stderr; by default the console.
        engine: The size of work that the session is tuned for; a running session keeps its own.

    Returns:
        The session, in UTC.

    Raises:
        LocalCloudError: Java is missing or too old, or Delta's jars cannot be downloaded.
    """
    java()
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    os.environ["SPARK_HOME"] = str(_spark_home(warehouse / ".spark-home"))
    cores = os.cpu_count() or 1
    settings = {
        "spark.driver.bindAddress": _LOCALHOST,
        "spark.driver.host": _LOCALHOST,
        "spark.driver.extraClassPath": ":".join(str(jar) for jar in _class_path()),
        "spark.driver.memory": "2g",
        "spark.log.level": "ERROR",
        "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
        "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension",
        "spark.sql.session.timeZone": "UTC",
        # The default of 50 partitions costs seconds a small commit.
        "spark.databricks.delta.snapshotPartitions": "1",
        "spark.sql.warehouse.dir": str(warehouse.resolve()),
        **_FILES_WITHOUT_PROCESSES,
        "spark.python.daemon.module": python_daemon.MODULE,
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        **engine.configuration(),
    }
    builder = SparkSession.builder.master(f"local[{cores},{_ATTEMPTS}]").appName("pinterest-pipeline")
    for name, value in settings.items():
        builder = builder.config(name, value)
    if log:
        # py4j logs a batch's error on the console; Spark's log and the query's error have it too.
        logging.getLogger("py4j").setLevel(logging.CRITICAL)
    with _stderr_to(log) if log else nullcontext():
        spark = builder.getOrCreate()
    spark.dataSource.register(KinesisDataSource)
    logging.getLogger().addFilter(is_no_interrupt)
    return spark


def is_no_interrupt(record: logging.LogRecord) -> bool:
    """Return whether a log record is no Ctrl-C: py4j logs one during a call to Spark, with its traceback.

    Args:
        record: The record.
    """
    return not (record.exc_info and record.exc_info[0] is KeyboardInterrupt)


def _class_path() -> list[Path]:
    """Return what must come before Spark's own classes: the jars that its installation lacks, and empty defaults.

    Of what Delta depends on it contains newer versions, which must not be hidden. As `spark.jars` they would be copied
    for the session, and the tasks of a local session would load, and compile, classes of their own from the copies.

    Hadoop has a thousand defaults, for clusters. They are copied for each query, and sent with each of its stages.
    """
    delta = (jar for jar in jars(DELTA) if jar.name.startswith("io.delta-"))
    return [_EMPTY_DEFAULTS, *delta, *jars(LOCAL_FILES)]


def _spark_home(folder: Path) -> Path:
    """Return a folder with the installed Spark's programs and jars, and without its Python files.

    Spark puts an archive of these before the installed pyspark on the path of every Python process that it starts, if
    its home has one. An import of pyspark from an archive takes 0.7 s of processor time more.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for part in ("bin", "jars"):
        # Another process may start Spark over the same tables: the link is replaced in one step.
        draft = folder / f"{part}.{os.getpid()}"
        draft.symlink_to(Path(pyspark.__file__).parent / part)
        draft.replace(folder / part)
    return folder.resolve()


@contextmanager
def _stderr_to(log: Path) -> Iterator[None]:
    """Give the JVM that is started inside another stderr than this process has."""
    kept = os.dup(sys.stderr.fileno())
    try:
        with log.open("wb") as file:
            os.dup2(file.fileno(), sys.stderr.fileno())
        yield
    finally:
        os.dup2(kept, sys.stderr.fileno())
        os.close(kept)


def schema_folder(warehouse: Path, schema: str) -> Path:
    """Return the folder of a schema's tables, as Spark's own catalog names it.

    Args:
        warehouse: The folder of the tables.
        schema: The schema.
    """
    return warehouse / f"{schema}.db"


def attach_tables(spark: SparkSession, warehouse: Path, lake: Lake) -> None:
    """Register the tables that an earlier session left in the warehouse.

    Args:
        spark: The session.
        warehouse: The folder of the tables.
        lake: The schema they belong to.
    """
    spark.sql(f"CREATE SCHEMA IF NOT EXISTS {lake.full_schema}")
    for log in sorted(schema_folder(warehouse, lake.schema).glob("*/_delta_log")):
        folder = literal(str(log.parent.resolve()))
        if not spark.catalog.tableExists(lake.table(log.parent.name)):
            spark.sql(f"CREATE TABLE {lake.table(log.parent.name)} USING DELTA LOCATION {folder}")
