"""Opens the source of the rows, a database or a folder, behind one interface."""

import os
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Protocol

from dotenv.parser import parse_stream

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import read_private
from pinterest_pipeline.post.records import Page, Place, Record
from pinterest_pipeline.post.source.connection import SETTING, connect, database_url, one_line_errors, public_name
from pinterest_pipeline.post.source.database import DatabaseSource, source_table
from pinterest_pipeline.post.source.folder import FolderSource

__all__ = ["Page", "Place", "Record", "Source", "open_source", "read_credentials", "source_table"]


class Source(Protocol):
    """Rows of the three entities, in pages, never a whole table in memory.

    Attributes:
        name: The name in the progress file; it contains no secret.
        repeats_keys: Whether a later page may repeat a key, so that pages must be posted in order.
    """

    name: str
    repeats_keys: bool

    def count(self, entity: Entity) -> int:
        """Return the number of rows."""
        ...

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        """Yield the rows after a page's `last`, or all of them after None, about `size` per page."""
        ...

    def places(self, entity: Entity) -> Iterator[tuple[int | None, int]]:
        """Yield the key and the position of every row, in the source's order; positions are unique."""
        ...

    def left(self) -> tuple[str, ...]:
        """Return notes on rows left for a later run, one line each."""
        ...

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        """Read the rows at each of these positions: one, none if it is deleted, several with the same key."""
        ...


def open_source(location: str, settings: Mapping[str, str] | None = None) -> Source:
    """Open a source database or a folder of JSON-lines files.

    Args:
        location: A SQLAlchemy URL, or a folder with pin.jsonl, geo.jsonl and user.jsonl. Empty: the URL in the
            settings.
        settings: SOURCE_DATABASE_URL, _USER, _PASSWORD, _CA and _TLS; the environment's by default.

    Raises:
        SettingsError: The location or a setting cannot be used, or the URL's driver is missing.
        SourceError: The source cannot be read or lacks a table, a column or a file.
    """
    settings = os.environ if settings is None else settings
    location = location or settings.get(f"{SETTING}URL", "")
    if not location:
        raise SettingsError(
            f"give the source: a database URL or a folder, or the URL in the environment as {SETTING}URL"
        )
    if "://" not in location:
        return FolderSource(Path(location))
    url = database_url(location, settings)
    return DatabaseSource(connect(url, settings), public_name(url), partial(one_line_errors, url))


def read_credentials(path: Path) -> dict[str, str]:
    """Read NAME=value lines in shell syntax from a file that only its owner may read.

    `export`, quotes and # comments are supported; `$` has no special meaning.

    Raises:
        SettingsError: The file cannot be read, others may read it too, or a line is not NAME=value.
    """
    found = dict[str, str]()
    for binding in parse_stream(StringIO(read_private(path, "credentials file"))):
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(f"line {binding.original.line} of the credentials file {path} is not NAME=value")
        if binding.key is not None and binding.value is not None:
            found[binding.key] = binding.value
    return found
