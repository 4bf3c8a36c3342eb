"""How tests wait: for as long as something goes on, since machines differ in speed."""

import time
from collections.abc import Callable
from typing import TypeVar

Answer = TypeVar("Answer")


def eventually(
    ask: Callable[[], Answer],
    seconds: float = 180,
    progress: Callable[[], object] = lambda: None,
    pause: float = 0.05,
) -> Answer:
    """Ask until the answer is true; return the last answer.

    Args:
        ask: What to wait for.
        seconds: How long to wait without any progress; no measure of speed.
        progress: What changes for as long as something goes on; the wait begins again with each change.
        pause: Seconds between two questions: more where to answer costs the asked process much.
    """
    seen, deadline = progress(), time.monotonic() + seconds
    while not (answer := ask()) and time.monotonic() < deadline:
        time.sleep(pause)
        if (now := progress()) != seen:
            seen, deadline = now, time.monotonic() + seconds
    return answer
