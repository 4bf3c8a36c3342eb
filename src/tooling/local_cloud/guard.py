"""Runs one command and ends it, with all its children, when the process that started the guard is gone.

The starter holds the other end of the guard's standard input. The kernel closes it when the starter ends, so nothing
is left running even after SIGKILL; this works on Linux and macOS.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence

GRACE_SECONDS = 5
"""Time that a command has to end after SIGTERM, before SIGKILL."""


def run(command: Sequence[str]) -> int:
    """Run the command until it ends or standard input closes, and return its exit code.

    Args:
        command: Program and arguments; its output goes where the guard's goes.
    """
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, process_group=0)
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: _signal_group(child, signal.SIGTERM))
    threading.Thread(target=_end_with_starter, args=(child,), daemon=True).start()
    code = child.wait()
    # Processes that the command started and left running.
    _signal_group(child, signal.SIGKILL)
    return code


def _end_with_starter(child: subprocess.Popen[bytes]) -> None:
    while os.read(sys.stdin.fileno(), 1024):
        continue
    _signal_group(child, signal.SIGTERM)
    try:
        child.wait(GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        _signal_group(child, signal.SIGKILL)


def _signal_group(child: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


if __name__ == "__main__":
    code = run(sys.argv[1:])
    sys.exit(code if code >= 0 else 128 - code)
