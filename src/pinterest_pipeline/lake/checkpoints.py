"""What the checkpoint of a query says, and the folders beside it, read as files: a Spark job costs far more.

The folders are a local path, or a volume, which Databricks shows to Python as a path too.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from pinterest_pipeline.errors import StageError

_SPARKS_PREFIX = re.compile(r"^(file:(//)?(?=/)|dbfs:(?=/Volumes/))")
_VOLUME = re.compile(r"/Volumes(/[^/]+){3}")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


@dataclass(frozen=True)
class Batch:
    """One batch of one query.

    Attributes:
        query: The id that Spark gave the query when it made its checkpoint. A deleted checkpoint makes a new id, so
            whatever is remembered under it (Delta's transactions, batch names) never hides rows of a query that starts
            over.
        number: The batch's number in the query.
        repeated: Whether an earlier attempt was cut off, so that some of its commits may be there.
    """

    query: str
    number: int
    repeated: bool = False

    @property
    def name(self) -> str:
        """The batch's name in the rows that it writes.

        The number comes first: Delta keeps 32 characters of a text in its statistics, and only what differs there lets
        it skip the files of other batches.
        """
        return f"{self.number:010d}/{self.query}"


def folder(path: str) -> Path:
    """Return a folder of checkpoints as Python's files know it.

    Args:
        path: As Spark takes it: `/local/path`, `file:/local/path` or `/Volumes/...`.

    Raises:
        StageError: It is in a store that shows no files, such as `s3://`.
    """
    local = _SPARKS_PREFIX.sub("", path)
    if _SCHEME.match(local):
        raise StageError(f"expected checkpoints in a volume (/Volumes/...) or a local folder, got {path}")
    return Path(local)


def visible_folder(path: str) -> Path:
    """Return a folder of checkpoints, once it is certain that this process sees its files.

    Args:
        path: As `folder` takes it.

    Raises:
        StageError: It is in a volume that Python does not see, such as on a laptop that is connected to a workspace:
            batches that were cut off, and the spool of runs, would be missed.
    """
    place = folder(path)
    volume = _VOLUME.match(str(place))
    if volume and not Path(volume[0]).is_dir():
        raise StageError(
            f"expected to see the volume {volume[0]} as a folder; run this in the workspace, where it is one"
        )
    return place


def query_id(checkpoint: Path) -> str:
    """Return the id that Spark gave the query when it made this checkpoint.

    Raises:
        StageError: There is none, or no longer.
    """
    try:
        return str(json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError) as error:
        raise StageError(
            f"expected a query's metadata in the checkpoint {checkpoint}, found none; is it being deleted?"
        ) from error


def batch_cut_off(checkpoint: Path) -> int | None:
    """Return the number of the batch that an earlier run of the query began and did not end; None where there is none.

    Spark notes a batch in `offsets` before it runs and in `commits` behind it, and runs at most one at a time.
    """
    begun, ended = (_numbers(checkpoint / log) for log in ("offsets", "commits"))
    newest = max(begun, default=None)
    return None if newest in ended else newest


def _numbers(log: Path) -> set[int]:
    return {int(file.name) for file in log.iterdir() if file.name.isdecimal()} if log.is_dir() else set()
