"""What a person who runs a script sees: the console, one clear line where something goes wrong, and the exit code."""

import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

from rich.console import Console
from rich.prompt import Confirm

from pinterest_pipeline.errors import PipelineError, SettingsError

NOT_ALL = 1
USAGE_ERROR = 2
UNEXPECTED = 3
DEBUG = "PINTEREST_DEBUG"
"""Environment variable that asks for the traceback of an unexpected error."""

EXIT_CODES = f"""\
exit codes:
  0    done; every row was posted
  1    done, and something needs a look: rows in the dead-letter file, drift, a step left to you
  2    something must be fixed first: an option, a setting, a server, a permission
  3    an unexpected error; {DEBUG}=1 shows its traceback
  129, 130, 143
       stopped by SIGHUP, Ctrl-C or SIGTERM; progress is kept
"""
"""The one place that says what they mean; the scripts' --help ends with it."""

_SIGNALLED = 128


class SignalError(KeyboardInterrupt):
    """Raised where a signal asks the process to end: all that Ctrl-C ends, it ends.

    Attributes:
        exit_code: What a shell expects of a process that the signal ended.
    """

    def __init__(self, number: int) -> None:
        """Keep which signal it was."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = _SIGNALLED + number


def run_script(main: Callable[[], None]) -> NoReturn:
    """Run a script's main function and leave the process with an honest exit code.

    Args:
        main: The script's work; it raises a `PipelineError` for every trouble a person can mend.

    Raises:
        SystemExit: Always: 0 on success, 2 after a `PipelineError` or an `OSError`, 3 after any other error, 128 plus
            the signal's number after Ctrl-C, SIGTERM or SIGHUP.
    """
    errors = Console(stderr=True, soft_wrap=True, highlight=False, markup=False)
    _stop_by_signals()
    try:
        main()
    except PipelineError as error:
        errors.print(f"error: {error}")
        sys.exit(USAGE_ERROR)
    except OSError as error:
        # Disk full, folder gone, no permission: what the package could not foresee, still in one line.
        errors.print(f"error: {error}; nothing more was written")
        sys.exit(USAGE_ERROR)
    except KeyboardInterrupt as stop:
        errors.print("stopped")
        sys.exit(exit_code(stop))
    except Exception as error:
        if os.environ.get(DEBUG):
            errors.print(traceback.format_exc())
        errors.print(f"error: unexpected {_one_line(error)}; set {DEBUG}=1 to see the traceback")
        raise SystemExit(UNEXPECTED) from error
    sys.exit(0)


def ask(question: str) -> None:
    """Go on only after a yes.

    Args:
        question: What is asked.

    Raises:
        SettingsError: The answer is no, or there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise SettingsError("there is no terminal to ask on; give --yes where it is meant")
    try:
        agreed = Confirm.ask(question, default=False)
    except EOFError:
        agreed = False
    if not agreed:
        raise SettingsError("nothing was changed")


def exit_code(stop: KeyboardInterrupt) -> int:
    """Return the exit code of a process that Ctrl-C or a signal has stopped."""
    return stop.exit_code if isinstance(stop, SignalError) else _SIGNALLED + signal.SIGINT


def _stop_by_signals() -> None:
    for number in (signal.SIGTERM, signal.SIGHUP):
        # What is ignored already, as by nohup, stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    raise SignalError(number)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
