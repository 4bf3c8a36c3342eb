"""The progress file: a run resumes from it, and a lock keeps two runs apart."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import locked, replacing
from pinterest_pipeline.post.records import Place


@dataclass(frozen=True)
class Checkpoint:
    """The progress of one entity.

    Attributes:
        position: Every row up to here is posted or in the dead-letter file; None before the first.
        posted: Number of posted rows.
        dead: Number of rows in the dead-letter file.
        check: A checksum of the part already read; None if the source needs none.
    """

    position: int | None = None
    posted: int = 0
    dead: int = 0
    check: int | None = None

    @property
    def place(self) -> Place | None:
        """Where reading resumes; None is the beginning."""
        return None if self.position is None else Place(self.position, self.check)


class Progress:
    """Checkpoints by name, in one JSON file that is replaced atomically."""

    def __init__(self, path: Path) -> None:
        """Read the file, if it exists.

        Raises:
            SettingsError: It is not a progress file.
        """
        self._path = path
        try:
            checkpoints = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
            self._checkpoints = {str(name): Checkpoint(**checkpoint) for name, checkpoint in checkpoints.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise SettingsError(f"{path} is not a progress file; use another path or remove it: {error}") from error

    def checkpoint(self, name: str) -> Checkpoint:
        """Return the checkpoint of a name."""
        return self._checkpoints.get(name, Checkpoint())

    def save(self, name: str, checkpoint: Checkpoint) -> None:
        """Save the checkpoint of a name; after a crash the file holds either this or the previous state.

        Raises:
            SettingsError: The file cannot be written.
        """
        self._checkpoints[name] = checkpoint
        text = json.dumps({name: asdict(checkpoint) for name, checkpoint in self._checkpoints.items()}, indent=2)
        with write_errors(self._path), replacing(self._path) as draft:
            draft.write_text(text, encoding="utf-8")


@contextmanager
def open_progress(path: Path) -> Iterator[Progress]:
    """Open the progress file under an exclusive lock, which the operating system releases however the run ends.

    Raises:
        SettingsError: Another run holds it, or it cannot be read or written.
    """
    taken = SettingsError(f"another run is posting with {path}; wait for it, or use another file with --progress")
    with ExitStack() as held:
        with write_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(locked(path.with_name(path.name + ".lock"), taken))
        yield Progress(path)


@contextmanager
def write_errors(path: Path) -> Iterator[None]:
    """Turn an OSError while writing a file into one line."""
    try:
        yield
    except OSError as error:
        raise SettingsError(f"cannot write {path}: {error.strerror or error}") from error
