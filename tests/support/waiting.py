"""How tests wait: for as long as something goes on, since machines differ in speed."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def eventually(
    ask: Callable[[], Answer], seconds: float = 180, progress: Callable[[], object] = lambda: None
) -> Answer:
    """Ask until the answer is true; return the last answer.

    Args:
        ask: What to wait for.
        seconds: How long to wait without any progress; no measure of speed.
        progress: What changes for as long as something goes on; the wait begins again with each change.
    """
    seen, deadline = progress(), time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(0.05)
        if (now := progress()) != seen:
            seen, deadline = now, time.monotonic() + seconds
    return answer
