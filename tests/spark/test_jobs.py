import os
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from unittest.mock import patch

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline import jobs, tasks
from pinterest_pipeline.entities import PIN, USER
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.publish.answers import Answer
from tests.support.answering import named, publish_only
from tests.support.landed import NAMES, keyed, land
from tests.support.reading import rows
from tests.support.streamed import clean

NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)

Task = Callable[[Sequence[str] | None], None]


def place(lake: Lake) -> list[str]:
    return ["--catalog", lake.catalog, "--schema", lake.schema]


def reading(lake: Lake, landing: Path, checkpoints: str, option: str = "--reader=files") -> list[str]:
    known = ["--prefix", NAMES.prefix, "--landing", str(landing), "--checkpoints", checkpoints]
    return [*place(lake), *known, option]


@pytest.fixture
def of_users(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Publish only the answer about users alone."""
    publish_only(monkeypatch, named("q6"))
    return named("q6")


@pytest.mark.connect
@pytest.mark.entities(USER)
def test_the_tasks_bring_what_has_landed_to_answers_keep_it_up_and_erase_a_person(
    spark: SparkSession, lake: Lake, tmp_path: Path, checkpoints: str, of_users: Answer
) -> None:
    landed = land(tmp_path, USER, 0, keyed(USER, 1), keyed(USER, 2, first_name="Xyq"), "not a record")
    os.utime(landed, (NOON.timestamp(),) * 2)
    tasks.tables(place(lake))
    tasks.ingest(reading(lake, tmp_path, checkpoints))
    tasks.refine([*place(lake), "--checkpoints", checkpoints])
    tasks.replay(place(lake))
    tasks.publish([*place(lake), "--checkpoints", checkpoints])
    assert [tuple(row.values()) for row in rows(spark, lake.table(of_users.name))] == [(2016, 2)]
    tasks.backfill(reading(lake, tmp_path, checkpoints, f"--day={NOON.date()}"))
    assert [row["ind"] for row in clean(spark, lake, USER)] == [1, 2]
    assert len(rows(spark, lake.quarantine(USER))) == 1
    assert spark.table(lake.table("rejections")).count() == 1
    person = ["--user-name=Xyq Berg", "--age=36", "--date-joined=2016-01-31 23:59:59"]
    tasks.erase([*place(lake), "--checkpoints", checkpoints, *person])
    tasks.upkeep(place(lake))
    assert [row["ind"] for row in clean(spark, lake, USER)] == [1]
    assert [tuple(row.values()) for row in rows(spark, lake.table(of_users.name))] == [(2016, 1)]
    stages = {run["stage"] for run in rows(spark, lake.runs)}
    assert stages == {"ingest", "refine", "replay", "publish", "backfill"}


@pytest.mark.entities(USER)
def test_publish_grants_what_analysts_read_only_where_there_are_analysts(
    spark: SparkSession, lake: Lake, checkpoints: str, of_users: Answer
) -> None:
    granted: list[str] = []
    with patch.object(jobs, "share", side_effect=lambda _, where, group: granted.extend([where.schema, group])):
        publish = [*place(lake), "--checkpoints", checkpoints]
        tasks.publish(publish)
        assert granted == []
        tasks.publish([*publish, "--analysts", "analysts"])
    assert granted == [lake.schema, "analysts"]
    assert rows(spark, lake.table(of_users.name)) == []


def test_the_session_of_a_task_is_in_utc(spark: SparkSession) -> None:
    spark.conf.set("spark.sql.session.timeZone", "Asia/Tokyo")
    assert jobs.session().conf.get("spark.sql.session.timeZone") == "UTC"


@pytest.mark.usefixtures("spark")
def test_a_folder_where_nothing_has_landed_is_one_clear_error(lake: Lake, tmp_path: Path, checkpoints: str) -> None:
    land(tmp_path, PIN, 0, keyed(PIN, 1))
    with pytest.raises(StageError, match=r"expected landed files in .*test-0001\.geo, .* is --landing right\?"):
        tasks.ingest(reading(lake, tmp_path, checkpoints))
    assert not Path(checkpoints).exists()


def test_an_unknown_reader_is_refused_with_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        tasks.ingest(reading(Lake("main", "pinterest"), Path("/landing"), "/checkpoints", "--reader=ftp"))
    assert refusal.value.code == 2
    assert "argument --reader: invalid" in capsys.readouterr().err


TASKS = (tasks.tables, tasks.ingest, tasks.refine, tasks.replay, tasks.publish, tasks.erase, tasks.upkeep)


@pytest.mark.parametrize("task", TASKS)
def test_a_task_names_the_arguments_that_it_lacks(task: Task, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        task(["--catalog", "main"])
    assert refusal.value.code == 2
    assert "the following arguments are required: --schema" in capsys.readouterr().err
