"""Checkpoints of queries and the folders beside them, read as files: a Spark job costs far more.

The folders are local paths, or volumes, which Databricks exposes to Python as paths too.
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
        query: The id that Spark gave the query when it created the checkpoint. After the checkpoint is deleted the id
            is a new one, so Delta's transactions and batch names of the old query never hide rows of the new one.
        number: The batch's number in the query.
        repeated: Whether an earlier attempt was interrupted, so that some of its commits may exist.
    """

    query: str
    number: int
    repeated: bool = False

    @property
    def name(self) -> str:
        """The batch's name in the rows that it writes.

        The number comes first: Delta's statistics keep only the first 32 characters of a text, and only a difference
        there lets it skip the files of other batches.
        """
        return f"{self.number:010d}/{self.query}"


def folder(path: str) -> Path:
    """Return a folder of checkpoints as a Python path.

    Args:
        path: As passed to Spark: `/local/path`, `file:/local/path` or `/Volumes/...`.

    Raises:
        StageError: It is in a store without a file system, such as `s3://`.
    """
    local = _SPARKS_PREFIX.sub("", path)
    if _SCHEME.match(local):
        raise StageError(f"expected checkpoints in a volume (/Volumes/...) or a local folder, got {path}")
    return Path(local)


def visible_folder(path: str) -> Path:
    """Return a folder of checkpoints, checked to be accessible from this process.

    Args:
        path: As for `folder`.

    Raises:
        StageError: It is in a volume that Python cannot access, such as from a laptop connected to a workspace:
            interrupted batches and the spool of runs would be missed, and staged rows would stay.
    """
    place = folder(path)
    volume = _VOLUME.match(str(place))
    if volume and not Path(volume[0]).is_dir():
        raise StageError(f"expected the volume {volume[0]} to be mounted as a folder; run this in the workspace")
    return place


def query_id(checkpoint: Path) -> str:
    """Return the id that Spark gave the query when it created this checkpoint.

    Raises:
        StageError: The checkpoint has no metadata.
    """
    try:
        return str(json.loads((checkpoint / "metadata").read_text(encoding="utf-8"))["id"])
    except (OSError, ValueError, KeyError) as error:
        raise StageError(
            f"expected a query's metadata in the checkpoint {checkpoint}, found none; is it being deleted?"
        ) from error


def interrupted_batch(checkpoint: Path) -> int | None:
    """Return the number of the batch that an earlier run of the query started and did not finish; None without one.

    Spark writes a batch to `offsets` before it runs and to `commits` after it, and runs at most one at a time.
    """
    started, committed = (_numbers(checkpoint / log) for log in ("offsets", "commits"))
    newest = max(started, default=None)
    return None if newest in committed else newest


def _numbers(log: Path) -> set[int]:
    return {int(file.name) for file in log.iterdir() if file.name.isdecimal()} if log.is_dir() else set()
