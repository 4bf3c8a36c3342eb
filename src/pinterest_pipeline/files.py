"""Files that hold secrets, that are replaced in one step, and that lock out other processes."""

import fcntl
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pinterest_pipeline.errors import PipelineError, SettingsError


def read_private(path: Path, kind: str) -> str:
    """Return the text of a file that only its owner may read, without a byte order mark.

    Args:
        path: The file.
        kind: What it is called in messages, such as "credentials file".

    Raises:
        SettingsError: It cannot be read, or others may read it too.
    """
    try:
        text, mode = path.read_text(encoding="utf-8-sig"), path.stat().st_mode
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the {kind} {path}: {error}") from error
    if stat.S_IMODE(mode) & (stat.S_IRWXG | stat.S_IRWXO):
        raise SettingsError(f"others may read the {kind} {path}; first run: chmod 600 {path}")
    return text


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield the path of a draft, which replaces a file or a folder when the block has succeeded.

    Readers find the old file or the new one, never a part of it, and so does the next run after a crash. The draft of
    a block that failed is removed, and so is the one that a killed process has left.
    """
    draft = path.with_name(f".{path.name}.part")
    _remove(draft)
    try:
        yield draft
        if draft.is_dir():
            # No rename replaces a folder that holds files.
            _remove(path)
        else:
            with draft.open("rb") as written:
                os.fsync(written.fileno())
        draft.replace(path)
    finally:
        _remove(draft)


@contextmanager
def locked(path: Path, taken: PipelineError | None = None) -> Iterator[None]:
    """Hold the lock of a file while the block runs; the system releases it when the process ends, however it ends.

    Args:
        path: The lock file; it is created where there is none.
        taken: Raised where another process holds the lock; without it, the call waits for that process.

    Raises:
        OSError: The file cannot be opened.
    """
    with path.open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if taken else 0))
        except BlockingIOError as error:
            if taken is None:
                raise
            raise taken from error
        yield


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
