"""Legacy access to the landing files: the S3 bucket mounted into DBFS with AWS keys.

Prefer an external location and a volume: the bundle declares one, access to it is granted by name, and no key is
stored anywhere. A mount is open to everyone in the workspace, keeps its keys until it is unmounted, and works on
classic compute only, not on serverless. It exists for older workspaces, which have no alternative.

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
"""The default mount point."""

_MOUNT_POINT_FORM = re.compile(r"(/mnt)(/[A-Za-z0-9._-]+)+")
_BUCKET_FORM = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")


class FileSystem(Protocol):
    """The part of `dbutils.fs` that is used."""

    def mounts(self) -> Sequence[tuple[str, str, str]]:
        """Return mount point, source and encryption type of every mount."""
        ...

    def mount(self, source: str, mount_point: str, *, extra_configs: dict[str, str]) -> bool:
        """Mount a source."""
        ...

    def unmount(self, mount_point: str) -> bool:
        """Remove a mount."""
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
        SettingsError: It is not a valid bucket name; neither is a URL with keys in it.
    """
    if not _BUCKET_FORM.fullmatch(bucket):
        raise SettingsError(
            "the bucket must be a plain S3 bucket name: 3 to 63 lower-case letters, digits, dots and hyphens, "
            "without s3:// and without keys"
        )
    return f"s3a://{bucket}"


def mounted_source(dbutils: HasFileSystem, mount_point: str = MOUNT_POINT) -> str | None:
    """Return the URL of the source mounted there, or None.

    Raises:
        StageError: The workspace refused; serverless compute has no mounts.
    """
    with _Request("listing the mounts"):
        mounts = dbutils.fs.mounts()
    return next((source for place, source, *_ in mounts if place == mount_point), None)


def mount(dbutils: HasFileSystem, bucket: str, keys: Callable[[], AwsKeys], mount_point: str = MOUNT_POINT) -> bool:
    """Mount the bucket, unless it is mounted there already; the mount of another bucket is replaced.

    A notebook may call this on every run, even after the keys have been deleted: only mounting needs them. A mount does
    not show which keys it has: to change them, unmount first.

    Args:
        dbutils: The notebook's `dbutils`.
        bucket: Name of the S3 bucket.
        keys: Reads keys that may read the bucket; called only to mount it. They are passed as settings of this mount,
            never in its URL, which the list of mounts shows to everybody.
        mount_point: The folder, under `/mnt/`.

    Returns:
        Whether this call mounted the bucket.

    Raises:
        SettingsError: The bucket's name or the mount point is invalid.
        StageError: The keys cannot be read, and nothing has changed; or the workspace refused, and an earlier mount of
            another bucket has been removed.
    """
    source = source_url(bucket)
    _check_mount_point(mount_point)
    existing = mounted_source(dbutils, mount_point)
    if existing is not None and existing.rstrip("/") == source:
        return False
    pair = keys()
    unmount(dbutils, mount_point)
    settings = {"fs.s3a.access.key": pair.access_key_id, "fs.s3a.secret.key": pair.secret_access_key}
    with _Request(f"mounting {source} at {mount_point}", pair):
        dbutils.fs.mount(source, mount_point, extra_configs=settings)
    return True


def unmount(dbutils: HasFileSystem, mount_point: str = MOUNT_POINT) -> bool:
    """Remove the mount, if there is one; the bucket keeps its files.

    Returns:
        Whether there was one.

    Raises:
        StageError: The workspace refused.
    """
    if mounted_source(dbutils, mount_point) is None:
        return False
    with _Request(f"unmounting {mount_point}"):
        dbutils.fs.unmount(mount_point)
    return True


def _check_mount_point(mount_point: str) -> None:
    if not _MOUNT_POINT_FORM.fullmatch(mount_point):
        raise SettingsError(f"the mount point must be a folder under /mnt, such as {MOUNT_POINT}; got {mount_point!r}")


@dataclass(frozen=True)
class _Request:
    """Turns the workspace's refusal into one clear error that shows no key.

    The workspace's own message may repeat the settings of the mount, so the original error is not chained to it either.
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
                f"{self.action} was refused: {reason}; mounts need classic compute, a bucket that exists and "
                "permission to mount it; an external location needs none of them"
            ) from None
