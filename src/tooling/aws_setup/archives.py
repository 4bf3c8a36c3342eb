"""The pinned archives of the client's machine: downloaded and verified here, then uploaded to the deployment's bucket.

The machine has no access to the internet. Each archive has a key with its expected hash:
`archives/<sha256>/<file name>`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from http import HTTPStatus
from typing import TYPE_CHECKING

import httpx
from botocore.exceptions import ClientError

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.clients import aws_says, code_of
from tooling.aws_setup.errors import AwsError
from tooling.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

_URL = re.compile(r"https://[\w.-]+(/[\w.-]+)+")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[\w.-]+")
# Each try continues where the last one was cut off, so many tries cost little.
_TRIES = 5


@dataclass(frozen=True)
class Archive:
    """A pinned archive.

    Attributes:
        name: Its name in the file of pins.
        version: The version of what is in it.
        url: The publisher's URL.
        sha256: Its expected SHA-256, in hexadecimal digits.
    """

    name: str
    version: str
    url: str
    sha256: str

    @property
    def file_name(self) -> str:
        """The last part of its URL."""
        return self.url.rpartition("/")[2]

    @property
    def key(self) -> str:
        """Its S3 key; start.sh reads the expected hash from it."""
        return f"archives/{self.sha256}/{self.file_name}"


Progress = Callable[[Archive, int, int | None], None]
"""Called with an archive, the bytes done, and the total where it is known."""


def read_archives(path: Path) -> Mapping[str, Archive]:
    """Read the file of pins.

    Returns:
        The archives by their names.

    Raises:
        SettingsError: The file cannot be read, or an entry lacks something or has something malformed.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"cannot read the pinned archives in {path}: {error}") from error
    return {name: _checked(name, entry, path) for name, entry in content.items()}


def download(archive: Archive, folder: Path, http: httpx.Client, progress: Progress) -> Path:
    """Return the archive's file in the folder; only the first call downloads it.

    A download that was cut off continues where it stopped, in this call or in a later one. The file gets its final
    name when it is complete and its hash is verified.

    Args:
        archive: What to fetch.
        folder: Where archives are kept from one run to the next.
        http: Fetches it; verifies certificates.
        progress: Called as bytes arrive.

    Raises:
        AwsError: It cannot be fetched or kept, or is not what was pinned.
    """
    kept = folder / archive.sha256 / archive.file_name
    partial = kept.with_name(f"{kept.name}.partial")
    try:
        if kept.is_file() and sha256_of(kept) == archive.sha256:
            return kept
        kept.parent.mkdir(parents=True, exist_ok=True)
        _fetch(archive, partial, http, progress)
        got = sha256_of(partial)
        if got != archive.sha256:
            # Resuming from wrong bytes could never give the expected hash.
            partial.unlink()
            raise AwsError(_mismatch(archive, got))
        return partial.replace(kept)
    except OSError as error:
        raise AwsError(f"cannot keep {archive.file_name} in {kept.parent}: {error.strerror or error}") from error


def upload(archive: Archive, file: Path, bucket: str, s3: S3Client, progress: Progress) -> str:
    """Put an archive into the bucket atomically and return its key.

    Raises:
        SettingsError: There are no credentials.
        AwsError: S3 refuses or cannot be reached.
    """
    size = file.stat().st_size
    done = 0

    def sent(more: int) -> None:
        nonlocal done
        done += more
        progress(archive, done, size)

    with aws_says(f"cannot upload {archive.file_name} to {bucket}"), file.open("rb") as body:
        # S3 refuses a part that arrives with other bytes than were hashed here.
        s3.upload_fileobj(body, bucket, archive.key, ExtraArgs={"ChecksumAlgorithm": "SHA256"}, Callback=sent)
    return archive.key


def provide(
    archives: Iterable[Archive], folder: Path, bucket: str, http: httpx.Client, s3: S3Client, progress: Progress
) -> Mapping[str, str]:
    """Bring all archives into the bucket; existing ones are neither downloaded nor uploaded.

    Returns:
        The key of each archive by its name.
    """
    keys = {}
    for archive in archives:
        with aws_says(f"cannot look for {archive.file_name} in {bucket}"):
            there = is_in(bucket, archive.key, s3)
        if not there:
            upload(archive, download(archive, folder, http, progress), bucket, s3, progress)
        keys[archive.name] = archive.key
    return keys


def _checked(name: str, entry: object, path: Path) -> Archive:
    wanted = {field.name for field in fields(Archive)} - {"name"}
    texts = {key: text for key, text in entry.items() if isinstance(text, str)} if isinstance(entry, dict) else {}
    if texts != entry or set(texts) != wanted:
        raise SettingsError(f"[{name}] in {path} must have {', '.join(sorted(wanted))}, each a text, and nothing else")
    for key, pattern, looks in (
        ("url", _URL, "https://host/path/file"),
        ("sha256", _SHA256, "64 hexadecimal digits in lower case"),
        ("version", _VERSION, "letters, digits, full stops and hyphens"),
    ):
        if not pattern.fullmatch(texts[key]):
            raise SettingsError(f"{key} of [{name}] in {path} must be {looks}; got {texts[key]!r}")
    return Archive(name, **texts)


def _fetch(archive: Archive, partial: Path, http: httpx.Client, progress: Progress) -> None:
    reason = ""
    for _ in range(_TRIES):
        try:
            return _go_on(archive, partial, http, progress)
        except httpx.HTTPStatusError as error:
            said = f"{error.response.status_code} {error.response.reason_phrase}"
            raise AwsError(f"cannot download {archive.url}: {said}; check whether it is still there") from error
        except httpx.HTTPError as error:
            reason = str(error) or type(error).__name__
    raise AwsError(
        f"cannot download {archive.url}: {reason}; check the network and run the same command again, "
        "it continues where it stopped"
    )


def _go_on(archive: Archive, partial: Path, http: httpx.Client, progress: Progress) -> None:
    start = partial.stat().st_size if partial.is_file() else 0
    # Compressed on the way, the bytes would be others than those that were hashed.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with http.stream("GET", archive.url, headers=headers) as answer:
        if answer.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            # It is complete already; the hash decides whether it is the expected archive.
            return
        answer.raise_for_status()
        if answer.status_code != HTTPStatus.PARTIAL_CONTENT:
            start = 0
        length = answer.headers.get("Content-Length")
        total = start + int(length) if length else None
        with partial.open("r+b" if start else "wb") as file:
            file.seek(start)
            # Chunks as they arrive: gathered into larger ones, a cut would lose what had come of the last.
            for chunk in answer.iter_raw():
                file.write(chunk)
                progress(archive, file.tell(), total)


def _mismatch(archive: Archive, got: str) -> str:
    return (
        f"{archive.url} is not what was pinned: expected SHA-256 {archive.sha256}, got {got}; run the same command "
        "again in case the download was damaged; if the digest stays the same, compare both with the publisher's"
    )


def is_in(bucket: str, key: str, s3: S3Client) -> bool:
    """Return whether a bucket holds an object of that key."""
    try:
        s3.head_object(Bucket=bucket, Key=key)
    except ClientError as error:
        # A HEAD has no body that could name the error.
        if code_of(error) == str(HTTPStatus.NOT_FOUND.value):
            return False
        raise
    return True
