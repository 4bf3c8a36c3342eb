"""What unit tests share: an API that does what the test tells it."""

from collections.abc import Iterator

import pytest

from tests.support.fake_api import FakeApi, fake_api


@pytest.fixture
def api() -> Iterator[FakeApi]:
    with fake_api() as api:
        yield api
