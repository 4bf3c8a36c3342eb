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
_ROWS_PER_PAGE = 1000
_OTHER_ENCODINGS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_BE)
_LONGEST_MARK = 4
_NULS_OF_UTF_16 = 3  # a text with a NUL in every 3 bytes or more is not UTF-8


class FolderSource:
    """Rows of JSON-lines files; a position is the number of bytes already read, with their CRC-32 as its check.

    A last line without a newline may be incomplete: it is left for a later run.

    Attributes:
        name: The name in the progress file: the folder's full path.
        repeats_keys: True: a later line may have the key of an earlier one.
    """

    repeats_keys = True

    def __init__(self, folder: Path) -> None:
        """Check that the folder has a file for each entity.

        Raises:
            SourceError: The folder or one of its files is missing, or a file is not UTF-8.
        """
        self.name = str(folder.resolve())
        self._folder = folder
        if not folder.is_dir():
            raise SourceError(f"there is no folder {folder}; give a database URL or a folder of JSON-lines files")
        missing = [_file(entity) for entity in ENTITIES if not (folder / _file(entity)).is_file()]
        if missing:
            raise SourceError(f"{folder} must contain {', '.join(map(_file, ENTITIES))}; missing: {', '.join(missing)}")
        for entity in ENTITIES:
            _check_encoding(folder / _file(entity))

    def count(self, entity: Entity) -> int:
        """Return how many rows the entity's file has, without blank lines and an incomplete last line."""
        path = self._folder / _file(entity)
        with _source_errors(path), path.open("rb") as lines:
            return sum(1 for line in lines if line.strip() and _is_complete(line))

    def left(self) -> tuple[str, ...]:
        """Return notes on files whose last line is incomplete."""
        return tuple(
            f"the last line of {path} has no newline and is left for the next run: add one when the line is complete"
            for path in (self._folder / _file(entity) for entity in ENTITIES)
            if not _ends_complete(path)
        )

    def pages(self, entity: Entity, after: Place | None, size: int) -> Iterator[Page]:
        """Yield the entity's rows from a position on, `size` rows per page; None is the beginning.

        A line that is not a JSON object, or that a JSON parser on the way would change, becomes a JSON string of its
        text, without a key.

        Raises:
            SourceError: The file cannot be read, or the part already read has changed.
        """
        path = self._folder / _file(entity)
        position, check = after or Place(0)
        with _source_errors(path), path.open("rb") as lines:
            crc = _crc_until(lines, position)
            if lines.tell() < position or check not in {None, crc}:
                raise SourceError(
                    f"the part of {path} that was posted before has changed; to post the whole file, run again "
                    "with --restart (rows posted twice become one row in the clean table)"
                )
            records: list[Record] = []
            for line in lines:
                if not _is_complete(line):
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
        """Yield each row's key and the byte offset of its line.

        Raises:
            SourceError: The file cannot be read.
        """
        for page in self.pages(entity, None, _ROWS_PER_PAGE):
            for record in page.records:
                yield record.key, record.position

    def rows_at(self, entity: Entity, positions: Sequence[int]) -> list[tuple[Record, ...]]:
        """Read the rows whose lines begin at these byte offsets.

        Raises:
            SourceError: The file cannot be read, or no line begins there any more.
        """
        path = self._folder / _file(entity)
        with _source_errors(path), path.open("rb") as lines:
            return [(_line_at(lines, entity.key, position, path),) for position in positions]


def _file(entity: Entity) -> str:
    return f"{entity.name}.jsonl"


def _crc_until(file: BinaryIO, position: int) -> int:
    """Read up to a position, or to the end if it comes first, and return the CRC-32 of that part."""
    crc = 0
    while chunk := file.read(min(_CHUNK_BYTES, position - file.tell())):
        crc = zlib.crc32(chunk, crc)
    return crc


def _line_at(lines: BinaryIO, key: str, position: int, path: Path) -> Record:
    lines.seek(max(position - 1, 0))
    before = lines.read(1) if position else b"\n"
    line = lines.readline()
    if before != b"\n" or not line.strip() or not _is_complete(line):
        raise SourceError(f"{path} has changed since its rows were counted; run the same command again")
    return _record(line, key, position)


def _record(line: bytes, key: str, position: int) -> Record:
    line = line.rstrip(b"\r\n")
    flaw = utf8_flaw(line)
    # Some editors write a byte-order mark, which is not JSON: utf-8-sig drops it.
    return line_record(line.decode("utf-8-sig", errors="surrogateescape"), key, position, flaw)


def line_record(text: str, key: str, position: int, flaw: str = "") -> Record:
    """Return a record of a line: its JSON object, or else a JSON string of its text.

    Args:
        text: The line without its newline.
        key: The name of the field that holds the key.
        position: The line's byte offset.
        flaw: Why it cannot be sent; empty if it can.
    """
    try:
        value = parsed_json(text)
    except ValueError:
        value = None
    if flaw or not isinstance(value, dict):
        return Record(None, json_text(text), position, flaw)
    return Record(loose_whole_number(value.get(key)), json_text(value), position)


def _is_complete(line: bytes) -> bool:
    return line.endswith(b"\n")


def _ends_complete(path: Path) -> bool:
    """Return whether the file's last line ends with a newline; trailing white space is not a line."""
    with _source_errors(path), path.open("rb") as file:
        file.seek(max(file.seek(0, os.SEEK_END) - _CHUNK_BYTES, 0))
        return not file.read().rpartition(b"\n")[2].strip()


def _check_encoding(path: Path) -> None:
    """Raise an error if no line of a file is UTF-8 text; a single invalid line is accepted.

    Raises:
        SourceError: The file has another encoding, or is not text.
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
