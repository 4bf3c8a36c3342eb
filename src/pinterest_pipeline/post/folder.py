"""A folder of three JSON-lines files as a source: pin.jsonl, geo.jsonl, user.jsonl."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.records import Page, Record, json_text, whole_number


class FolderSource:
    """Rows from JSON-lines files; a position is the number of the file's bytes already read.

    Attributes:
        name: What progress is kept under: the folder's full path.
        repeats_keys: True: nothing keeps a line from having the key of an earlier one.
    """

    repeats_keys = True

    def __init__(self, folder: Path) -> None:
        """Check that the folder has a file for each entity.

        Raises:
            SourceError: The folder or one of its files is missing.
        """
        self.name = str(folder.resolve())
        self._folder = folder
        if not folder.is_dir():
            raise SourceError(f"there is no folder {folder}; give a database URL or a folder of JSON-lines files")
        missing = [_file(entity) for entity in ENTITIES if not (folder / _file(entity)).is_file()]
        if missing:
            raise SourceError(f"{folder} must hold {', '.join(map(_file, ENTITIES))}; missing: {', '.join(missing)}")

    def count(self, entity: Entity) -> int:
        """Return how many rows the entity's file has; blank lines are none."""
        path = self._folder / _file(entity)
        with _source_errors(path), path.open("rb") as lines:
            return sum(1 for line in lines if line.strip())

    def pages(self, entity: Entity, after: int | None, size: int) -> Iterator[Page]:
        """Yield the entity's rows from a position on, `size` rows a page; None is the beginning.

        A line that is not a JSON object is passed on as a JSON string of its text, without a key.

        Raises:
            SourceError: The file cannot be read, or it is shorter than what was read of it before.
        """
        path = self._folder / _file(entity)
        position = after or 0
        with _source_errors(path), path.open("rb") as lines:
            if path.stat().st_size < position:
                raise SourceError(
                    f"{path} is shorter than the part of it that was posted before; if it is a new file, restart"
                )
            lines.seek(position)
            records: list[Record] = []
            for line in lines:
                if line.strip():
                    records.append(_record(line, entity.key, position))
                position += len(line)
                if len(records) == size:
                    yield Page(tuple(records), position)
                    records = []
            if records:
                yield Page(tuple(records), position)


def _file(entity: Entity) -> str:
    return f"{entity.name}.jsonl"


def _record(line: bytes, key: str, position: int) -> Record:
    # Some editors begin a file with a byte-order mark, which is not JSON: utf-8-sig drops it.
    text = line.decode("utf-8-sig", errors="backslashreplace").rstrip("\r\n")
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return Record(None, json_text(text), position)
    if not isinstance(value, dict):
        return Record(None, json_text(text), position)
    return Record(whole_number(value.get(key)), json_text(value), position)


@contextmanager
def _source_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
