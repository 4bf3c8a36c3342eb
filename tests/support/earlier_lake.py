"""Makes `earlier_lake.tar.gz`: tables, checkpoints and landed files of users, as commit 6476861 leaves them.

A checkout on CI has no history, so the archive is kept beside this script. To make it again, at the project's root:

    git worktree add ../earlier 6476861
    PYTHONPATH=../earlier/src uv run --frozen python tests/support/earlier_lake.py

Of what came by each way the last record is in raw and not refined yet.
"""

import json
import tarfile
from pathlib import Path
from tempfile import TemporaryDirectory

from pyspark.sql import functions as sf

from pinterest_pipeline.entities import USER, Names
from pinterest_pipeline.ingest import files as landing
from pinterest_pipeline.ingest.readers import Reader
from pinterest_pipeline.lake import tables
from pinterest_pipeline.lake.tables import RAW, Lake, Origin
from pinterest_pipeline.refine import merging as refine
from tooling.local_cloud.spark.session import CATALOG, local_spark

ARCHIVE = Path(__file__).with_suffix(".tar.gz")
SCHEMA, NAMES = "earlier", Names("test-0001")
ROOT = "@ROOT@"
"""What stands in checkpoints for the folder that everything was in."""


def user(key: int, age: int) -> str:
    """Return a record of a user."""
    known = {"first_name": "Ada", "last_name": "Berg", "date_joined": "2016-01-31 23:59:59"}
    return json.dumps({"ind": key, "age": age, **known})


def main() -> None:
    """Write the archive."""
    for module in (landing, refine, tables):
        vars(module)["ENTITIES"] = (USER,)
    with TemporaryDirectory() as folder:
        root = Path(folder)
        _make(root)
        for file in [file for file in root.rglob("*") if file.is_file()]:
            if file.name.endswith(".crc"):
                file.unlink()
            elif file.is_relative_to(root / "checkpoints"):
                file.write_bytes(file.read_bytes().replace(str(root).encode(), ROOT.encode()))
        with tarfile.open(ARCHIVE, "w:gz") as archive:
            for part in ("checkpoints", "landing", f"{SCHEMA}.db"):
                archive.add(root / part, part)


def _make(root: Path) -> None:
    spark, lake, checkpoints = local_spark(root), Lake(CATALOG, SCHEMA), str(root / "checkpoints")
    topic = root / "landing" / "topics" / NAMES.topic(USER) / "partition=0"
    topic.mkdir(parents=True)
    tables.create_tables(spark, lake)

    def land(start: int, *lines: str) -> None:
        file = topic / f"{NAMES.topic(USER)}+0+{start:010d}.json"
        file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
        landing.ingest_landing(spark, lake, NAMES, str(root / "landing"), checkpoints, Reader.FILES)

    def stream(number: int, line: str) -> None:
        values = (line, "kinesis", f"streaming-test-0001-user/shardId-000000000000/{number:056d}", f"{number}/query")
        columns = [column.name for column in RAW if column.name != "arrived_at"]
        arrived = spark.createDataFrame([values], columns).withColumn("arrived_at", sf.current_timestamp())
        arrived.write.format("delta").mode("append").saveAsTable(lake.raw(USER))

    land(0, user(1, 20), user(1, 21), user(2, -2), "no JSON")
    stream(0, user(3, 23))
    stream(1, user(4, 131))
    for origin in Origin:
        refine.refine(spark, lake, checkpoints, origin)
    land(4, user(2, 22))
    stream(2, user(4, 24))
    spark.stop()


if __name__ == "__main__":
    main()
