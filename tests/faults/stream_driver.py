"""The stream job as a process that a test can kill: starts Spark, waits for its turn, and follows the streams.

Only users flow: the other two are the same code, and each would cost its own queries.
"""

import sys
import time
from pathlib import Path

import pytest

from pinterest_pipeline.entities import USER, Names
from pinterest_pipeline.ingest.kinesis import Streams
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.refine.live import follow
from tests.support.streamed import only
from tooling.local_cloud.kinesis import REGION
from tooling.local_cloud.spark.session import CATALOG, attach_tables, local_spark

READY, GO = "ready", "go"
"""Files in the driver's own folder: it makes the first when Spark is up, and waits for the second."""


def main() -> None:
    """Run until killed."""
    folder, warehouse, schema, prefix, endpoint, checkpoints = sys.argv[1:]
    own, lake = Path(folder), Lake(CATALOG, schema)
    only(pytest.MonkeyPatch(), USER)
    spark = local_spark(Path(warehouse), log=own / "spark.log")
    attach_tables(spark, Path(warehouse), lake)
    (own / READY).touch()
    while not (own / GO).exists():
        time.sleep(0.02)
    follow(spark, lake, Streams(Names(prefix), REGION, endpoint=endpoint), checkpoints, interval_seconds=0)


if __name__ == "__main__":
    main()
