import signal
from collections.abc import Iterator
from typing import NoReturn

import pytest

from pinterest_pipeline.console import DEBUG, EXIT_CODES, run_script
from pinterest_pipeline.errors import SettingsError
from tests.support.scripts import kept_signal_handlers


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    with kept_signal_handlers():
        yield


def fails(error: BaseException) -> NoReturn:
    raise error


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (SettingsError("expected this; give that"), 2, "error: expected this; give that"),
        (
            OSError(28, "No space left on device"),
            2,
            "error: [Errno 28] No space left on device; nothing more was written",
        ),
        (
            OverflowError("too\nlarge"),
            3,
            f"error: unexpected OverflowError: too large; set {DEBUG}=1 to see the traceback",
        ),
        (KeyboardInterrupt(), 130, "stopped"),
    ],
)
def test_whatever_ends_a_script_is_one_line_and_its_exit_code(
    capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_script(lambda: fails(error))

    assert (ended.value.code, capsys.readouterr().err) == (code, f"{line}\n")
    assert str(code) in EXIT_CODES


def test_the_traceback_is_there_for_who_asks(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DEBUG, "1")

    with pytest.raises(SystemExit, match="3"):
        run_script(lambda: fails(OverflowError("too large")))
    assert "Traceback (most recent call last)" in capsys.readouterr().err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_a_script_as_ctrl_c_does(number: signal.Signals, code: int) -> None:
    with pytest.raises(SystemExit) as ended:
        run_script(lambda: signal.raise_signal(number))
    assert ended.value.code == code


def test_a_signal_that_is_ignored_stays_ignored() -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    with pytest.raises(SystemExit, match="0"):
        run_script(lambda: signal.raise_signal(signal.SIGHUP))
