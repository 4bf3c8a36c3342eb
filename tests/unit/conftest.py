"""What unit tests share: an API that does what the test tells it, all of them from one server."""

from collections.abc import Callable, Iterator

import pytest

from tests.support.fake_api import FakeApi, fake_apis


@pytest.fixture(scope="session")
def new_api() -> Iterator[Callable[[], FakeApi]]:
    with fake_apis() as new:
        yield new


@pytest.fixture
def api(new_api: Callable[[], FakeApi]) -> FakeApi:
    return new_api()
