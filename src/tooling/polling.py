"""How tools wait for something that they cannot be notified of: a process, a stack, a topic."""

import time
from collections.abc import Callable, Iterator

_FIRST_WAIT_SECONDS = 0.1


def attempts(
    seconds: float, longest_wait: float = _FIRST_WAIT_SECONDS, wait: Callable[[float], object] = time.sleep
) -> Iterator[None]:
    """Yield for each attempt, until the time is over; the caller leaves the loop when its condition holds.

    The waits in between begin short and double, since most conditions hold soon.

    Args:
        seconds: How long to try; there is one attempt at least, and one after the last wait.
        longest_wait: The longest wait between two attempts, in seconds.
        wait: Waits so many seconds.
    """
    deadline = time.monotonic() + seconds
    pause = min(longest_wait, _FIRST_WAIT_SECONDS)
    while True:
        yield
        if time.monotonic() > deadline:
            return
        wait(pause)
        pause = min(longest_wait, 2 * pause)
