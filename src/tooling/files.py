"""Files of the tools: where downloads are kept, what a file hashes to, and files that are generated."""

import argparse
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import replacing


def cache_folder(name: str) -> Path:
    """Return the folder in which downloads of a kind are kept from one run to the next.

    Args:
        name: The kind, such as `jars`.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "pinterest-pipeline", name)


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal digits."""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def generate(file: Path, content: Callable[[], str], description: str | None) -> None:
    """Write a generated file: the work of a script that takes no option but `--help`.

    Args:
        file: The file.
        content: Returns its text.
        description: What `--help` prints.

    Raises:
        SettingsError: The file cannot be read or written.
    """
    argparse.ArgumentParser(description=description).parse_args()
    try:
        with replacing(file) as draft:
            draft.write_text(content(), encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write {file}: {error.strerror}") from error
    Console(highlight=False, soft_wrap=True, markup=False).print(f"wrote {file}")
