"""An emulated Kinesis for the stages that read it."""

from collections.abc import Iterator

import pytest

from tests.integration.emulators import moto_kinesis
from tests.spark.streamed import Sender, sender


@pytest.fixture(scope="session")
def kinesis_url() -> Iterator[str]:
    with moto_kinesis() as url:
        yield url


@pytest.fixture
def sent(kinesis_url: str) -> Sender:
    """Who sends to three streams of the test's own."""
    return sender(kinesis_url)
