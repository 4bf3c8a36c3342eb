"""The table of runs: what batches spool is in it once, whenever the process dies."""

from operator import itemgetter
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline.lake.checkpoints import Batch
from pinterest_pipeline.lake.runs import Run, finished, flush, now, record, recorded
from pinterest_pipeline.lake.tables import Lake
from tests.support.power import PowerCutError
from tests.support.reading import rows, version

pytestmark = pytest.mark.entities()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "runs"


def spooled(spool: Path, number: int, *, repeated: bool = False, rows: int = 1) -> None:
    batch = Batch("query", number, repeated)
    record(spool, batch, finished(Run("refine", "user", batch.name, now(), rows_read=rows)))


def fails_behind_its_batch(spark: SparkSession, lake: Lake, spool: Path) -> None:
    with recorded(spark, lake, spool):
        spooled(spool, 0)
        raise PowerCutError


def rows_read(spark: SparkSession, lake: Lake) -> list[int]:
    return [run["rows_read"] for run in sorted(rows(spark, lake.runs), key=itemgetter("batch"))]


def test_what_many_batches_did_costs_one_commit(spark: SparkSession, lake: Lake, spool: Path) -> None:
    with recorded(spark, lake, spool):
        for number in range(5):
            spooled(spool, number, rows=number)
    assert rows_read(spark, lake) == [0, 1, 2, 3, 4]
    assert version(spark, lake.runs) == 1
    assert list(spool.iterdir()) == []


def test_a_spool_without_runs_makes_no_commit(spark: SparkSession, lake: Lake, spool: Path) -> None:
    with recorded(spark, lake, spool):
        pass
    assert version(spark, lake.runs) == 0


def test_what_a_run_that_failed_has_left_is_brought_in_by_the_next(
    spark: SparkSession, lake: Lake, spool: Path
) -> None:
    with pytest.raises(PowerCutError):
        fails_behind_its_batch(spark, lake, spool)
    assert rows_read(spark, lake) == []
    with recorded(spark, lake, spool):
        assert rows_read(spark, lake) == [1]


def test_a_process_that_died_between_the_commit_and_the_emptying_brings_nothing_in_twice(
    spark: SparkSession, lake: Lake, spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise PowerCutError

    spooled(spool, 0)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", die)
        with pytest.raises(PowerCutError):
            flush(spark, lake, spool)
    spooled(spool, 1, rows=2)
    with recorded(spark, lake, spool):
        pass
    assert rows_read(spark, lake) == [1, 2]


def test_a_batch_that_is_done_again_behind_the_commit_of_its_run_is_there_once(
    spark: SparkSession, lake: Lake, spool: Path
) -> None:
    spooled(spool, 0)
    flush(spark, lake, spool)
    spooled(spool, 0, repeated=True)
    spooled(spool, 1, rows=2)
    flush(spark, lake, spool)
    assert rows_read(spark, lake) == [1, 2]
