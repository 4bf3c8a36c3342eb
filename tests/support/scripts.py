"""Scripts, run inside the test's process: starting another for each would only repeat the same imports.

That a script's file does the same when it is started is what tests prove that start one: each script has such a test.
"""

import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from functools import cache
from io import StringIO
from pathlib import Path
from unittest.mock import patch

import pytest

from pinterest_pipeline.console import run_script

SCRIPTS = Path(__file__).parents[2] / "scripts"


@cache
def main_of(script: Path) -> Callable[[], None]:
    """Return the function `main` of a script's file."""
    main: Callable[[], None] = runpy.run_path(str(script))["main"]
    return main


@contextmanager
def kept_signal_handlers() -> Iterator[None]:
    """Give the signals that a script handles back to the test process."""
    numbers = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


def run_here(
    script: Path, *words: str, folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a script without a terminal, in a folder and with this environment alone, and return how it ended."""
    output, errors = StringIO(), StringIO()
    with (
        kept_signal_handlers(),
        patch.object(sys, "argv", [script.name, *words]),
        patch.object(sys, "stdin", StringIO()),
        patch.dict(os.environ, environment, clear=True),
        chdir(folder),
        redirect_stdout(output),
        redirect_stderr(errors),
        pytest.raises(SystemExit) as ended,
    ):
        run_script(main_of(script))
    return subprocess.CompletedProcess([script.name, *words], _code(ended.value), output.getvalue(), errors.getvalue())


def _code(ended: SystemExit) -> int:
    assert isinstance(ended.code, int)
    return ended.code
