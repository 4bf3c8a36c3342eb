"""Days of the past once more, by the rules as they are now."""

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from pinterest_pipeline import tasks
from pinterest_pipeline.entities import USER
from pinterest_pipeline.lake.tables import Lake
from pinterest_pipeline.refine import backfill
from pinterest_pipeline.refine import merging as refining
from pinterest_pipeline.refine.rules import judge
from tests.support.landed import NAMES, bring_in, keyed, land
from tests.support.reading import rows
from tests.support.streamed import clean, runs

DAY, NEXT_DAY = datetime(2024, 5, 1, 12, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC)


def landed_on(day: datetime, landing: Path, start: int, *ages: int) -> None:
    """Land a user of each age, keyed by it, on a day."""
    file = land(landing, USER, start, *(keyed(USER, abs(age), age=age) for age in ages))
    os.utime(file, (day.timestamp(),) * 2)


@pytest.mark.entities(USER)
def test_a_day_is_judged_by_the_rules_as_they_are_and_what_raw_lacks_of_it_is_read_again(
    spark: SparkSession, lake: Lake, tmp_path: Path, checkpoints: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    landed_on(DAY, tmp_path, 0, 20, -3, 40)
    landed_on(NEXT_DAY, tmp_path, 3, 41)
    bring_in(spark, lake, tmp_path, checkpoints)
    landed_on(DAY, tmp_path, 4, 30)
    landed_on(NEXT_DAY, tmp_path, 5, 31)
    ages = [replace(each, minimum=-10, maximum=39) if each.name == "age" else each for each in USER.source]
    for module in (backfill, refining):
        monkeypatch.setattr(module, "judge", lambda records, _: judge(records, replace(USER, source=tuple(ages))))
    place = ["--catalog", lake.catalog, "--schema", lake.schema, "--prefix", NAMES.prefix]
    # What was brought in is refined after it: by the next `refine`, or as here by the next backfill.
    for expected in ([-3, 20, 41], [-3, 20, 30, 41]):
        tasks.backfill([*place, "--landing", str(tmp_path), "--checkpoints", checkpoints, "--day=2024-05-01"])
        assert [row["age"] for row in clean(spark, lake, USER)] == expected
        [rejected] = rows(spark, lake.quarantine(USER))
        assert rejected["rejections"][0]["text"] == "age: expected -10 to 39, got 40"
        assert len(rows(spark, lake.raw(USER))) == 5
    [first, *_] = sorted(runs(spark, lake, "backfill"), key=lambda run: run["finished_at"])
    assert (first["rows_read"], first["rows_kept"], first["rows_rejected"]) == (3, 1, 1)
