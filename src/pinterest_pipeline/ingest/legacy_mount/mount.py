"""The legacy way to the landing files: the S3 bucket mounted into DBFS with AWS keys.

Prefer an external location and a volume: the bundle declares one, access to it is granted by name, and no key is
stored anywhere. A mount is open to everyone in the workspace, keeps its keys until it is unmounted, and works on
classic compute only, not on serverless. It is here because older workspaces have nothing else.

A mount is made once and stays; a cluster that was already running sees it after `dbutils.fs.refreshMounts()`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol

from pinterest_pipeline.errors import SettingsError, StageError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import AwsKeys

MOUNT_POINT = "/mnt/pinterest"
"""Where the bucket is mounted unless somebody chooses another place."""

_MOUNT_POINT_FORM = re.compile(r"(/mnt)(/[A-Za-z0-9._-]+)+")
_BUCKET_FORM = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class FileSystem(Protocol):
    """The part of `dbutils.fs` that is used."""

    def mounts(self) -> Sequence[tuple[str, str, str]]:
        """Return mount point, source and encryption type of everything that is mounted."""
        ...

    def mount(self, source: str, mount_point: str, *, extra_configs: dict[str, str]) -> bool:
        """Mount a source."""
        ...

    def unmount(self, mount_point: str) -> bool:
        """Take a mount away."""
        ...


class HasFileSystem(Protocol):
    """The part of `dbutils` that is used."""

    @property
    def fs(self) -> FileSystem:
        """The workspace's file system."""
        ...


def source_url(bucket: str) -> str:
    """Return the bucket's URL, without any key in it.

    Raises:
        SettingsError: The name cannot be a bucket's; a URL with keys in it is none.
    """
    if not _BUCKET_FORM.fullmatch(bucket):
        raise SettingsError(
            "the bucket must be a plain S3 bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, "
            "without s3:// and without keys"
        )
    return f"s3a://{bucket}"


def mounted_source(dbutils: HasFileSystem, mount_point: str = MOUNT_POINT) -> str | None:
    """Return the URL of what is mounted there, or None where nothing is.

    Raises:
        StageError: The workspace refused; serverless compute knows no mounts.
    """
    with _Asking("listing the mounts"):
        mounts = dbutils.fs.mounts()
    return next((source for place, source, *_ in mounts if place == mount_point), None)


def mount(dbutils: HasFileSystem, bucket: str, keys: Callable[[], AwsKeys], mount_point: str = MOUNT_POINT) -> bool:
    """See to it that the bucket, and no other, is mounted there.

    Nothing happens where it already is, so a notebook may call this on every run, also when the keys are long gone.
    New keys for the same bucket do not show from outside: unmount first.

    Args:
        dbutils: The notebook's own.
        bucket: Name of the S3 bucket.
        keys: Reads the keys of who may read it; called only where something must be mounted. They travel as settings
            of this one mount, never in its URL, where everybody would read them in the list of mounts.
        mount_point: The folder, under `/mnt/`.

    Returns:
        Whether something was mounted now.

    Raises:
        SettingsError: The bucket's name or the mount point cannot be one.
        StageError: The keys cannot be read, and all is as it was; or the workspace refused, and where another bucket
            was mounted before, nothing is mounted then.
    """
    source = source_url(bucket)
    _check_mount_point(mount_point)
    there = mounted_source(dbutils, mount_point)
    if there is not None and there.rstrip("/") == source:
        return False
    pair = keys()
    unmount(dbutils, mount_point)
    settings = {"fs.s3a.access.key": pair.access_key_id, "fs.s3a.secret.key": pair.secret_access_key}
    with _Asking(f"mounting {source} at {mount_point}", pair):
        dbutils.fs.mount(source, mount_point, extra_configs=settings)
    return True


def unmount(dbutils: HasFileSystem, mount_point: str = MOUNT_POINT) -> bool:
    """Take the mount away, if there is one; the bucket keeps its files.

    Returns:
        Whether there was one.

    Raises:
        StageError: The workspace refused.
    """
    if mounted_source(dbutils, mount_point) is None:
        return False
    with _Asking(f"unmounting {mount_point}"):
        dbutils.fs.unmount(mount_point)
    return True


def _check_mount_point(mount_point: str) -> None:
    if not _MOUNT_POINT_FORM.fullmatch(mount_point):
        raise SettingsError(f"the mount point must be a folder under /mnt, such as {MOUNT_POINT}; got {mount_point!r}")


@dataclass(frozen=True)
class _Asking:
    """Turns the workspace's refusal into one clear error that shows no key.

    The workspace's own message may repeat the settings of the mount, so the original is not chained to it either.
    """

    action: str
    keys: AwsKeys | None = None

    def __enter__(self) -> None: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, Exception):
            reason = self.keys.redacted(str(error)) if self.keys else str(error)
            raise StageError(
                f"{self.action} was refused: {reason}; mounts need classic compute, a bucket that exists and the "
                "right to mount; an external location needs none of them"
            ) from None
