"""Runs scripts: errors as one line on the console, signals, and exit codes."""

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
"""Environment variable that enables the traceback of an unexpected error."""

EXIT_CODES = f"""\
exit codes:
  0    done; every row was posted
  1    done, but something needs attention: rows in the dead-letter file, drift, a manual step
  2    failed because of an option, a setting, a server or a permission, named in the error
  3    an unexpected error; {DEBUG}=1 shows its traceback
  129, 130, 143
       stopped by SIGHUP, Ctrl-C or SIGTERM; progress is kept
"""
"""The exit codes of all scripts, shown at the end of their --help."""

_SIGNALLED = 128


class SignalError(KeyboardInterrupt):
    """Raised when a signal asks the process to end; handled like Ctrl-C.

    Attributes:
        exit_code: The exit code that shells expect of a process ended by the signal.
    """

    def __init__(self, number: int) -> None:
        """Keep the signal's number."""
        super().__init__(signal.Signals(number).name)
        self.exit_code = _SIGNALLED + number


def run_script(main: Callable[[], None]) -> NoReturn:
    """Run a script's main function and exit with the code of its outcome.

    Args:
        main: The script's work; it raises a `PipelineError` for every error that the user can fix.

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
        # A full disk, a missing folder, no permission: not handled elsewhere, still one line.
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
    """Ask for confirmation.

    Args:
        question: The question.

    Raises:
        SettingsError: The answer is no, or there is no terminal.
    """
    if not sys.stdin.isatty():
        raise SettingsError("there is no terminal for the confirmation; give --yes to confirm")
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
        # A signal that is ignored already, as by nohup, stays ignored.
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)


def _stop(number: int, _: FrameType | None) -> None:
    raise SignalError(number)


def _one_line(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".split())
