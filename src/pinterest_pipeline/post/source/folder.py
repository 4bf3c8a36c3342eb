"""A folder of three JSON-lines files as a source: pin.jsonl, geo.jsonl, user.jsonl."""

import codecs
import os
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.records import (
    Page,
    Place,
    Record,
    json_text,
    loose_whole_number,
    parsed_json,
    utf8_flaw,
)

_CHUNK_BYTES = 2**20
_ROWS_AT_ONCE = 1000
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_LONGEST_MARK = 4
_NULS_OF_UTF_16 = 3  # more than one in so many bytes is no UTF-8 text


class FolderSource:
    """Rows from JSON-lines files; a position is the number of the file's bytes already read, a check their CRC-32.

    A last line without its end may still be being written: it is left for a later run.

    Attributes:
        name: What progress is kept under: the folder's full path.
        repeats_keys: True: nothing keeps a line from having the key of an earlier one.
    """

    repeats_keys = True

    def __init__(self, folder: Path) -> None:
        """Check that the folder has a file for each entity.

        Raises:
            SourceError: The folder or one of its files is missing, or a file holds something else than UTF-8.
        """
        self.name = str(folder.resolve())
        self._folder = folder
        if not folder.is_dir():
            raise SourceError(f"there is no folder {folder}; give a database URL or a folder of JSON-lines files")
        missing = [_file(entity) for entity in ENTITIES if not (folder / _file(entity)).is_file()]
        if missing:
            raise SourceError(f"{folder} must hold {', '.join(map(_file, ENTITIES))}; missing: {', '.join(missing)}")
        for entity in ENTITIES:
            _check_encoding(folder / _file(entity))

    def count(self, entity: Entity) -> int:
        """Return how many rows the entity's file has; blank lines and a last line without its end are none."""
        path = self._folder / _file(entity)
        with _source_errors(path), path.open("rb") as lines:
            return sum(1 for line in lines if line.strip() and _has_ended(line))

    def left(self) -> tuple[str, ...]:
        """Say which files end in a line without its end."""
        return tuple(
            f"the last line of {path} has no end and is left for the next run: end it with a newline once it is whole"
            for path in (self._folder / _file(entity) for entity in ENTITIES)
            if not _is_whole(path)
        )

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        """Yield the entity's rows from a position on, `size` rows a page; None is the beginning.

        A line that is not a JSON object, or that JSON on the way would change, is passed on as a JSON string of its
        text, without a key.

        Raises:
            SourceError: The file cannot be read, or what was read of it before has changed.
        """
        path = self._folder / _file(entity)
        position, check = after or Place(0)
        with _source_errors(path), path.open("rb") as lines:
            crc = _read_again(lines, position)
            if lines.tell() < position or check not in {None, crc}:
                raise SourceError(
                    f"the part of {path} that was posted before is another now; to post the whole file, run again "
                    "with --restart (rows that are in already exist once in the end)"
                )
            records: list[Record] = []
            for line in lines:
                if not _has_ended(line):
                    break
                if line.strip():
                    records.append(_record(line, entity.key, position))
                position += len(line)
                crc = zlib.crc32(line, crc)
                if len(records) == size:
                    yield Page(tuple(records), Place(position, crc))
                    records = []
            if records:
                yield Page(tuple(records), Place(position, crc))

    def places(self, entity: Entity) -> Iterator[tuple[int | None, int]]:
        """Yield each row's key and the byte that its line begins at.

        Raises:
            SourceError: The file cannot be read.
        """
        for page in self.pages(entity, None, _ROWS_AT_ONCE):
            for record in page.records:
                yield record.key, record.position

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        """Read the rows whose lines begin at these bytes.

        Raises:
            SourceError: The file cannot be read, or no line begins there any more.
        """
        path = self._folder / _file(entity)
        with _source_errors(path), path.open("rb") as lines:
            return [(_line_at(lines, entity.key, position, path),) for position in positions]


def _file(entity: Entity) -> str:
    return f"{entity.name}.jsonl"


def _read_again(file: BinaryIO, position: int) -> int:
    """Read up to a position, or to the end if it comes first, and return the CRC-32 of what was read."""
    crc = 0
    while chunk := file.read(min(_CHUNK_BYTES, position - file.tell())):
        crc = zlib.crc32(chunk, crc)
    return crc


def _line_at(lines: BinaryIO, key: str, position: int, path: Path) -> Record:
    lines.seek(max(position - 1, 0))
    before = lines.read(1) if position else b"\n"
    line = lines.readline()
    if before != b"\n" or not line.strip() or not _has_ended(line):
        raise SourceError(f"{path} is another now than when its rows were counted; run the same command again")
    return _record(line, key, position)


def _record(line: bytes, key: str, position: int) -> Record:
    line = line.rstrip(b"\r\n")
    flaw = utf8_flaw(line)
    # Some editors begin a file with a byte-order mark, which is not JSON: utf-8-sig drops it.
    return line_record(line.decode("utf-8-sig", errors="surrogateescape"), key, position, flaw)


def line_record(text: str, key: str, position: int, flaw: str = "") -> Record:
    """Make a record of a line's text: the JSON object that it is, or else a JSON string of it.

    Args:
        text: The line without its end.
        key: The name of the field that holds the key.
        position: Where the line is.
        flaw: Why it cannot be sent; empty where it can.
    """
    try:
        value = parsed_json(text)
    except ValueError:
        value = None
    if flaw or not isinstance(value, dict):
        return Record(None, json_text(text), position, flaw)
    return Record(loose_whole_number(value.get(key)), json_text(value), position)


def _has_ended(line: bytes) -> bool:
    return line.endswith(b"\n")


def _is_whole(path: Path) -> bool:
    """Tell whether the file's last line has its end; blanks are no line."""
    with _source_errors(path), path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _CHUNK_BYTES, 0))
        return not file.read().rpartition(b"\n")[2].strip()


def _check_encoding(path: Path) -> None:
    """Stop where not one line of a file is text in UTF-8; a single wrong line is no reason to.

    Raises:
        SourceError: The file is in another encoding, or is no text at all.
    """
    with _source_errors(path), path.open("rb") as lines:
        marked, wrong = lines.peek(_LONGEST_MARK).startswith(_OTHER_ENCODINGS), 0
        for line in lines:
            if utf8_flaw(line) or _NULS_OF_UTF_16 * line.count(0) > len(line):
                wrong += 1
            elif line.strip():
                return
    if wrong > (0 if marked else 1):
        raise SourceError(f"{path} is not UTF-8 text: save it as UTF-8 and run again")


@contextmanager
def _source_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SourceError(f"cannot read {path}: {error.strerror}") from error
