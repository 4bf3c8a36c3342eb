"""The dead-letter file: JSON lines with the rows that could not be posted and the reasons."""

import json
import os
import shutil
import sys
import zlib
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import IO, Any

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.errors import SettingsError, SourceError
from pinterest_pipeline.files import locked, replacing
from pinterest_pipeline.post.api.route import Refusal
from pinterest_pipeline.post.progress import write_errors
from pinterest_pipeline.post.records import Record, json_text, parsed_json, undecoded_flaw
from pinterest_pipeline.post.source.folder import line_record

_CHUNK_BYTES = 2**20
_ENTITIES = {entity.name: entity for entity in ENTITIES}


@dataclass(frozen=True)
class Letter:
    """One line of the file.

    Attributes:
        entity: The row's entity.
        record: The row, ready to be posted again; its position is the byte offset of the line.
        content: The line's JSON.
    """

    entity: Entity
    record: Record
    content: Mapping[str, Any]


class DeadLetters:
    """A dead-letter file as a source of rows to post again.

    Attributes:
        path: The file.
    """

    def __init__(self, path: Path) -> None:
        """Validate every line, so that a run does not fail in the middle of the file.

        Raises:
            SourceError: The file cannot be read, or a line is not a dead letter.
        """
        self.path = path
        self._size, self._check = self._read()
        self._counts = dict.fromkeys(ENTITIES, 0)
        for letter in self.letters():
            self._counts[letter.entity] += 1

    def count(self, entity: Entity) -> int:
        """Return how many different rows of an entity are in the file."""
        return self._counts[entity]

    def left(self) -> tuple[str, ...]:
        """Return notes on rows left for a later run: none, since they stay in the file."""
        return ()

    def letters(self) -> Iterator[Letter]:
        """Yield each row once, at its first line.

        Raises:
            SourceError: The file cannot be read, or a line is not a dead letter.
        """
        try:
            with self.path.open("rb") as lines:
                yield from _letters(lines, self.path)
        except OSError as error:
            raise SourceError(f"cannot read {self.path}: {error.strerror}") from error

    def keep(self, posted: Collection[int], reasons: Mapping[int, str]) -> None:
        """Remove posted rows and repeated lines; lines appended meanwhile stay.

        Args:
            posted: Positions of the posted rows.
            reasons: Positions of the rows that still cannot be posted, and why.

        Raises:
            SettingsError: The file cannot be written, or was changed meanwhile; it is left unchanged.
        """
        with _locked(self.path), write_errors(self.path):
            if self._read(self._size) != (self._size, self._check):
                raise SettingsError(
                    f"{self.path} was changed while its rows were posted; it is left unchanged and contains posted rows"
                )
            with replacing(self.path) as draft, draft.open("w", encoding="utf-8") as file:
                shutil.copymode(self.path, draft)
                for letter in self.letters():
                    position = letter.record.position
                    if position not in posted:
                        reason = reasons.get(position, letter.content.get("reason"))
                        file.write(json_text({**letter.content, "reason": reason}) + "\n")

    def _read(self, size: int | None = None) -> tuple[int, int]:
        """Return the file's size, up to `size`, and the CRC-32 of that part."""
        end, crc = size if size is not None else sys.maxsize, 0
        try:
            with self.path.open("rb") as file:
                while chunk := file.read(min(_CHUNK_BYTES, end - file.tell())):
                    crc = zlib.crc32(chunk, crc)
                return file.tell(), crc
        except OSError as error:
            raise SourceError(f"cannot read {self.path}: {error.strerror}") from error

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold a lock that keeps other runs from posting the same file.

        Raises:
            SettingsError: Another run holds it.
        """
        taken = SettingsError(f"another run is posting {self.path} again; wait for it")
        with write_errors(self.path), locked(self.path.with_name(self.path.name + ".again"), taken):
            yield


def append_dead_letters(path: Path, entity: Entity, refusals: Iterable[Refusal]) -> None:
    """Append refused records to the dead-letter file, as JSON lines, and sync it to disk.

    Raises:
        SettingsError: The file cannot be written.
    """
    lines = [_dead_letter(entity, refusal) for refusal in refusals]
    if not lines:
        return
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    with _locked(path), write_errors(path), path.open("a", encoding="utf-8") as file:
        file.writelines(lines)
        file.flush()
        os.fsync(file.fileno())


def _dead_letter(entity: Entity, refusal: Refusal) -> str:
    record = refusal.record
    about = {
        "entity": entity.name,
        "key": record.key,
        "position": record.position,
        "reason": refusal.reason,
    }
    # The value is JSON text already and is written unchanged, exactly as it was refused.
    return f'{json.dumps(about)[:-1]}, "value": {record.value}}}\n'


def _letters(lines: IO[bytes], path: Path) -> Iterator[Letter]:
    seen, position = set[bytes](), 0
    for number, line in enumerate(lines, 1):
        if line.strip():
            letter = _letter(line, position, f"line {number} of {path}")
            # A crash, or another round of a stream, may write the same row again.
            same = blake2b(repr((letter.entity.name, letter.content.get("position"), letter.record.value)).encode())
            if same.digest() not in seen:
                seen.add(same.digest())
                yield letter
        position += len(line)


def _letter(line: bytes, position: int, where: str) -> Letter:
    try:
        content = parsed_json(line.decode("utf-8-sig"))
    except ValueError:
        content = None
    entity = _ENTITIES.get(str(content.get("entity"))) if isinstance(content, dict) else None
    if not isinstance(content, dict) or entity is None or "value" not in content:
        raise SourceError(f"{where} is not a dead letter, a JSON object with entity and value: correct or remove it")
    value = content["value"]
    # A value that is not an object is the text of a line, which may have been corrected inside its quotes.
    text = value if isinstance(value, str) else json_text(value)
    return Letter(entity, line_record(text, entity.key, position, _flaw(value)), content)


def _flaw(value: object) -> str:
    texts = value.values() if isinstance(value, dict) else [value]
    return next((flaw for text in texts if isinstance(text, str) and (flaw := undecoded_flaw(text))), "")


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Hold the lock for appending to the file or rewriting it."""
    with write_errors(path), locked(path.with_name(path.name + ".lock")):
        yield
