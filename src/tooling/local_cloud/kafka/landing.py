"""Where the sink writes: a folder or an S3 bucket, in the layout of Confluent's S3 sink."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pyarrow import ArrowException
from pyarrow.fs import FileSelector, FileSystem, FileType, LocalFileSystem, S3FileSystem, resolve_s3_region

from tooling.local_cloud.errors import LocalCloudError

# A name that begins with a full stop is a file that is being written.
_FILE = re.compile(r"(?P<topic>[^.].*)\+(?P<partition>\d+)\+(?P<start>\d{10,})\.json")


@dataclass(frozen=True)
class LandedFile:
    """One file of records: JSON lines, in the order of their offsets, none left out.

    Attributes:
        topic: The records' topic.
        partition: Their partition.
        start: The offset of the first one.
    """

    topic: str
    partition: int
    start: int

    @property
    def path(self) -> str:
        """Its path below the landing's root."""
        return f"{partition_folder(self.topic, self.partition)}/{self.topic}+{self.partition}+{self.start:010d}.json"


def partition_folder(topic: str, partition: int) -> str:
    """Return the folder of a partition's files below the landing's root."""
    return f"topics/{topic}/partition={partition}"


def read_file_name(name: str) -> LandedFile | None:
    """Return the file with this name; None for a name that is not the sink's."""
    found = _FILE.fullmatch(name)
    return LandedFile(found["topic"], int(found["partition"]), int(found["start"])) if found else None


@dataclass(frozen=True)
class Landing:
    """A folder or an S3 location that holds landed files.

    Attributes:
        system: The file system.
        root: Path of the landing on it.
    """

    system: FileSystem
    root: str

    @classmethod
    def at(cls, target: str, s3_endpoint: str | None = None) -> "Landing":
        """Return the landing at a target.

        Args:
            target: A folder's path or s3://bucket/prefix; AWS's usual environment variables hold the credentials.
            s3_endpoint: URL of an S3 emulator.

        Raises:
            LocalCloudError: The target is of another kind.
        """
        address = urlsplit(target)
        if address.scheme == "s3" and address.netloc:
            try:
                return cls(_s3(address.netloc, s3_endpoint), f"{address.netloc}{address.path}".rstrip("/"))
            except (OSError, ArrowException) as error:
                raise LocalCloudError(f"cannot use {target}: {error}") from error
        if "://" in target:
            raise LocalCloudError(f"the sink writes to a folder or to s3://bucket/prefix; got {target!r}")
        return cls(LocalFileSystem(), str(Path(target).absolute()))

    @property
    def is_local(self) -> bool:
        """Whether it is a folder of this machine."""
        return isinstance(self.system, LocalFileSystem)

    def write(self, file: LandedFile, content: bytes) -> None:
        """Write a file atomically for readers.

        Raises:
            LocalCloudError: It cannot be written.
        """
        path = f"{self.root}/{file.path}"
        folder, _, name = path.rpartition("/")
        try:
            if self.is_local:
                self.system.create_dir(folder)
                self._put(f"{folder}/.{name}", content)
                self.system.move(f"{folder}/.{name}", path)
            else:
                # An object appears when its upload is complete.
                self._put(path, content)
        except (OSError, ArrowException) as error:
            raise LocalCloudError(f"cannot write {path}: {error}") from error

    def read(self, file: LandedFile) -> bytes:
        """Return a file's content.

        Raises:
            LocalCloudError: It cannot be read.
        """
        path = f"{self.root}/{file.path}"
        try:
            with self.system.open_input_stream(path) as stream:
                return bytes(stream.read())
        except (OSError, ArrowException) as error:
            raise LocalCloudError(f"cannot read {path}: {error}") from error

    def count_lines(self, file: LandedFile) -> int:
        """Return how many records a file holds.

        Raises:
            LocalCloudError: It cannot be read.
        """
        return self.read(file).count(b"\n")

    def files(self, topic: str) -> tuple[LandedFile, ...]:
        """Return a topic's files by partition and offset.

        Raises:
            LocalCloudError: The landing cannot be listed.
        """
        return tuple(sorted(self._list(f"topics/{topic}"), key=lambda file: (file.partition, file.start)))

    def position(self, topic: str, partition: int) -> int:
        """Return the offset of the first record of a partition that has not landed.

        Raises:
            LocalCloudError: The landing cannot be read.
        """
        found = list(self._list(partition_folder(topic, partition)))
        if not found:
            return 0
        last = max(found, key=lambda file: file.start)
        return last.start + self.count_lines(last)

    def _put(self, path: str, content: bytes) -> None:
        with self.system.open_output_stream(path) as stream:
            stream.write(content)

    def _list(self, folder: str) -> Iterable[LandedFile]:
        selector = FileSelector(f"{self.root}/{folder}", recursive=True, allow_not_found=True)
        try:
            found = self.system.get_file_info(selector)
        except (OSError, ArrowException) as error:
            raise LocalCloudError(f"cannot list {self.root}/{folder}: {error}") from error
        named = (read_file_name(info.base_name) for info in found if info.type == FileType.File)
        return (file for file in named if file is not None)


def _s3(bucket: str, endpoint: str | None) -> S3FileSystem:
    if endpoint is None:
        return S3FileSystem(region=resolve_s3_region(bucket))
    address = urlsplit(endpoint)
    return S3FileSystem(endpoint_override=address.netloc, scheme="http" if address.scheme == "http" else "https")
