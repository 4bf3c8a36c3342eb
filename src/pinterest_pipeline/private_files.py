"""Reads files that hold secrets."""

import stat
from pathlib import Path

from pinterest_pipeline.errors import SettingsError


def read_private(path: Path, kind: str) -> str:
    """Return the text of a file that only its owner may read; a byte order mark is left out.

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
