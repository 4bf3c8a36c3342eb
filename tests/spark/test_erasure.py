"""A person erased: no file of the lake holds their text, everybody else is as before, and batch and stream go on."""

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline import tasks
from pinterest_pipeline.entities import USER
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.tables import Lake, create_tables
from pinterest_pipeline.maintenance import upkeep
from pinterest_pipeline.publish.answers import Answer
from pinterest_pipeline.publish.publishing import publish
from pinterest_pipeline.refine.live import catch_up
from tests.support.answering import publish_only
from tests.support.landed import bring_in, keyed, land, record
from tests.support.reading import rows, table_folder
from tests.support.streamed import Sender

TWO_DAYS = 2 * 24 * 3600
HERS = {"first_name": "Xyq", "last_name": "Quxley"}
IDENTITY = ["--user-name", "Xyq Quxley", "--age", "36", "--date-joined", "2016-01-31 23:59:59"]


@dataclass(frozen=True)
class OfTheTest(Answer):
    """An answer with names, about users alone."""

    @property
    def sql(self) -> str:
        return "SELECT user_name, count(*) AS posts FROM {posts} GROUP BY user_name"


NAMES = OfTheTest("names", "Who posted how often?", ("user_name", "posts"))


def content(file: Path) -> str:
    if file.suffix == ".parquet":
        return str(pq.read_table(file).to_pylist())
    return file.read_bytes().decode("utf-8", errors="replace")


def places(*folders: Path) -> set[str]:
    """Return the folders that hold a file with a text of hers: by table, or by the last two names."""
    files = [(folder, file) for folder in folders for file in folder.rglob("*") if file.is_file()]
    held = [(folder, file) for folder, file in files if any(text in content(file) for text in HERS.values())]
    return {"/".join(file.parent.relative_to(folder).parts[-2:]) for folder, file in held}


def age_logs(tables: Path) -> None:
    """Make all log files of Delta two days older; in their order, or it would take them for newer ones."""
    for file in tables.glob("*/_delta_log/*"):
        os.utime(file, (file.stat().st_mtime - TWO_DAYS,) * 2)


@pytest.mark.entities(USER)
def test_no_file_of_the_lake_holds_an_erased_person_and_batch_and_stream_go_on(
    spark: SparkSession,
    lake: Lake,
    sent: Sender,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    answered_by(monkeypatch, NAMES)
    landing, checkpoints = tmp_path / "landing", str(tmp_path / "checkpoints")
    tables, raw = table_folder(spark, lake.raw(USER)).parent, lake.raw(USER)
    # What an earlier version's log held of every record. The other tables' logs are those of this version.
    spark.sql(f"ALTER TABLE {raw} UNSET TBLPROPERTIES ('delta.dataSkippingStatsColumns')")
    unreadable = json.dumps(record(USER, **HERS))[:-1]
    hers = (keyed(USER, 1, **HERS), keyed(USER, 3, **HERS, age=-3))
    land(landing, USER, 0, *hers, unreadable, keyed(USER, 1), keyed(USER, 2))
    sent.send(USER, keyed(USER, 4, **HERS), keyed(USER, 5))
    bring_in(spark, lake, landing, checkpoints)
    catch_up(spark, lake, sent.streams, checkpoints)
    publish(spark, lake, checkpoints)
    create_tables(spark, lake)
    killed = Path(checkpoints, "judged", "ingest_kinesis", "user", "killed")
    killed.mkdir(parents=True)
    (killed / "part.json").write_text(unreadable, encoding="utf-8")
    files = {"user_raw", "user", "user_quarantine", "names", "user/killed"}
    assert places(tables, Path(checkpoints)) == files | {"user_raw/_delta_log"}
    erase = [*place(lake), "--checkpoints", checkpoints, *IDENTITY]

    tasks.erase(erase)
    assert places(tables, Path(checkpoints)) == {"user_raw/_delta_log"}
    assert [tuple(row.values()) for row in rows(spark, lake.table("names"))] == [("Ada Berg", 2)]
    [(first, last)] = re.findall(rf"{re.escape(raw)} (\d+) to (\d+)", caplog.text)
    assert versions_with_her(tables / "user_raw") <= {*range(int(first), int(last) + 1)}

    age_logs(tables)
    answered_by(monkeypatch)  # no log of theirs had values: once is enough
    tasks.erase(erase)
    assert places(tables, Path(checkpoints)) == set()

    land(landing, USER, 5, keyed(USER, 6))
    sent.send(USER, keyed(USER, 7))
    bring_in(spark, lake, landing, checkpoints)
    catch_up(spark, lake, sent.streams, checkpoints)
    assert keys(spark, lake) == [2, 5, 6, 7]
    assert len(rows(spark, raw)) == 4


def answered_by(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
    publish_only(monkeypatch, *answers)
    monkeypatch.setattr(upkeep, "ANSWERS", answers)


def place(lake: Lake) -> list[str]:
    return ["--catalog", lake.catalog, "--schema", lake.schema]


def keys(spark: SparkSession, lake: Lake) -> list[int]:
    return sorted(row["ind"] for row in rows(spark, lake.clean(USER)))


def versions_with_her(table: Path) -> set[int]:
    """Return the versions of a table whose log files hold a text of hers."""
    files = [file for file in (table / "_delta_log").iterdir() if file.name[:20].isdecimal()]
    return {int(file.name[:20]) for file in files if any(text in content(file) for text in HERS.values())}


@pytest.mark.usefixtures("spark")
def test_a_person_without_a_name_is_nobody(checkpoints: str) -> None:
    nobody = ["--user-name=", "--age=", "--date-joined=", "--checkpoints", checkpoints, "--catalog=c", "--schema=s"]
    with pytest.raises(StageError, match="expected the name of the person"):
        tasks.erase(nobody)
