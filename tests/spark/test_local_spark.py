import logging
from collections.abc import Iterator

import pytest

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
