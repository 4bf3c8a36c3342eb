import logging
from collections.abc import Iterable, Iterator

import pytest
from pyspark import TaskContext
from pyspark.sql import SparkSession

from tooling.local_cloud.spark.session import is_no_interrupt


@pytest.fixture(autouse=True)
def filtered() -> Iterator[None]:
    root = logging.getLogger()
    root.addFilter(is_no_interrupt)
    yield
    root.removeFilter(is_no_interrupt)


def log(error: BaseException) -> None:
    logging.getLogger().error("a call was cut off", exc_info=error)


def test_ctrl_c_in_a_call_to_spark_logs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    log(KeyboardInterrupt())
    assert caplog.records == []


def test_other_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    log(ValueError("no"))
    assert [record.message for record in caplog.records] == ["a call was cut off"]


def test_a_task_that_fails_is_tried_again_as_on_a_cluster(spark: SparkSession) -> None:
    def fail_once(numbers: Iterable[int]) -> Iterator[int]:
        task = TaskContext.get()
        if task is None or task.attemptNumber() == 0:
            raise OSError("fails once")
        yield from numbers

    assert spark.sparkContext.parallelize([1, 2], 1).mapPartitions(fail_once).collect() == [1, 2]
