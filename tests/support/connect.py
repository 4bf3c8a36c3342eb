"""A local Spark Connect server, with the settings of every other local session, and the session of its client.

The server is a process of its own: what a test, and the code that it tests, does in its process goes through Spark
Connect, for there is no other Spark in it.
"""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from spark_kinesis import KinesisDataSource
from tests.support import early_worker
from tests.support.unmeasured import UNMEASURED
from tooling.local_cloud.kinesis import CREDENTIALS
from tooling.local_cloud.processes import HOST, Service, free_port, listens
from tooling.local_cloud.spark.engine import SMALL_WORK
from tooling.local_cloud.spark.session import local_spark

_START_SECONDS = 300


@contextmanager
def connected_spark(warehouse: Path, logs: Path) -> Iterator[SparkSession]:
    """Start a server and connect to it.

    Args:
        warehouse: The folder of the tables.
        logs: The folder of the server's log.
    """
    port = free_port()
    command = [sys.executable, "-m", __name__, str(warehouse), str(port)]
    environment = {
        **CREDENTIALS,
        **UNMEASURED,
        "PYSPARK_PYTHON": early_worker.__file__,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    server = Service("spark-connect", command, logs, environment)
    try:
        server.wait_until(lambda: listens(port), _START_SECONDS)
        with pytest.MonkeyPatch.context() as patched:
            # The entry points take the session that their environment names, as on serverless compute.
            patched.setenv("SPARK_REMOTE", f"sc://{HOST}:{port}")
            spark = SparkSession.builder.getOrCreate()
            spark.dataSource.register(KinesisDataSource)
            yield spark
            spark.stop()
    finally:
        server.stop()


def _serve(warehouse: Path, port: int) -> None:
    """Start Spark with its server, and wait for the end of this process."""
    settings = {
        **SMALL_WORK.settings,
        "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
        "spark.connect.grpc.binding.address": HOST,
        "spark.connect.grpc.binding.port": str(port),
    }
    local_spark(warehouse, engine=replace(SMALL_WORK, settings=settings))
    signal.pause()


if __name__ == "__main__":
    _serve(Path(sys.argv[1]), int(sys.argv[2]))
