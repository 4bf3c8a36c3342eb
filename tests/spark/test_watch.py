from collections.abc import Callable
from io import StringIO
from threading import Event

import pytest
from rich.console import Console

from pinterest_pipeline.entities import Entity
from tooling.demo import watch
from tooling.demo.watch import STREAMED, Watch
from tooling.local_cloud.errors import LocalCloudError


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "_LOOK_SECONDS", 0.01)


def fails_once(seen: Event) -> Callable[[Entity], int]:
    fails = [LocalCloudError("it does not answer")]

    def look(_: Entity) -> int:
        if fails:
            raise fails.pop()
        seen.set()
        return 7

    return look


def test_a_look_that_fails_once_is_tried_again() -> None:
    seen = Event()
    with Watch(Console(file=StringIO())).looking({STREAMED: fails_once(seen)}):
        assert seen.wait(5)
