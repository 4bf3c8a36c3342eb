"""The pinned archives: read, downloaded through interruptions and wrong responses, and uploaded to a bucket."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

import boto3
import httpx
import pytest
from botocore.stub import Stubber
from moto import mock_aws

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.archives import Archive, download, provide, read_archives, upload
from tooling.aws_setup.errors import AwsError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PINS = Path(__file__).parents[3] / "infrastructure/client/archives.toml"
CONTENT = bytes(range(256)) * 12_000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
BUCKET = "artifacts"


@dataclass
class Publisher:
    """A publisher of one file, with scripted faults.

    Attributes:
        url: Where the file is.
        content: The file.
        cuts: The bytes after which each next response breaks off.
        resumes: Whether it supports ranges.
        status: The status of its responses, if set.
        asked: The first byte that each request asked for.
    """

    url: str = ""
    content: bytes = CONTENT
    cuts: list[int] = field(default_factory=list)
    resumes: bool = True
    status: int | None = None
    asked: list[int] = field(default_factory=list)

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        first = int(request.headers.get("Range", "bytes=0-").removeprefix("bytes=").removesuffix("-"))
        self.asked.append(first)
        if self.status:
            request.send_error(self.status)
        elif self.resumes and first >= len(self.content):
            request.send_error(416)
        else:
            self.send(request, first if self.resumes else 0)

    def send(self, request: BaseHTTPRequestHandler, first: int) -> None:
        rest = self.content[first:]
        request.send_response(206 if first else 200)
        request.send_header("Content-Length", str(len(rest)))
        request.end_headers()
        request.wfile.write(rest[: self.cuts.pop(0)] if self.cuts else rest)
        request.close_connection = True


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    publisher = Publisher()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            publisher.answer(self)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        publisher.url = f"http://127.0.0.1:{server.server_port}/files/thing-1.0.tgz"
        yield publisher
        server.shutdown()
        thread.join()


@pytest.fixture
def archive(publisher: Publisher) -> Archive:
    return Archive("thing", "1.0", publisher.url, SHA256)


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator["S3Client"]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with mock_aws():
        client = boto3.client("s3", region_name="eu-west-1")
        client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        yield client


def ignore(*_: object) -> None:
    """Ignore progress."""


def keys(s3: "S3Client") -> list[str]:
    return [entry["Key"] for entry in s3.list_objects_v2(Bucket=BUCKET).get("Contents", ())]


def test_the_pins_are_whole_and_come_over_verified_tls() -> None:
    archives = read_archives(PINS)
    assert set(archives) == {"kafka", "aws-msk-iam-auth", "confluent-community"}
    assert all(archive.version in archive.file_name for archive in archives.values())


def test_a_key_says_what_the_archive_must_be() -> None:
    archive = Archive("thing", "1.0", "https://example.org/files/thing-1.0.tgz", SHA256)
    assert archive.key == f"archives/{SHA256}/thing-1.0.tgz"


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"url": "http://example.org/a.tgz"}, r"url of \[thing\] in .* must be https://host/path/file; got 'http:"),
        ({"url": "https://example.org/"}, "url of .* must be https://host/path/file"),
        ({"sha256": "ab"}, r"sha256 of \[thing\] in .* must be 64 hexadecimal digits in lower case; got 'ab'"),
        ({"sha256": SHA256.upper()}, "64 hexadecimal digits in lower case"),
        ({"version": "1 0"}, "version of .* must be letters, digits"),
        ({"size": "9"}, r"\[thing\] in .* must have sha256, url, version, each a text, and nothing else"),
    ],
)
def test_a_malformed_pin_is_named(entry: dict[str, str], reason: str, tmp_path: Path) -> None:
    whole = {"version": "1.0", "url": "https://example.org/a.tgz", "sha256": SHA256} | entry
    pins = tmp_path / "archives.toml"
    pins.write_text("[thing]\n" + "".join(f'{key} = "{value}"\n' for key, value in whole.items()), encoding="utf-8")
    with pytest.raises(SettingsError, match=reason):
        read_archives(pins)


@pytest.mark.parametrize("text", ["thing = 1", "[thing]\nversion = 1", "[thing"])
def test_a_file_that_holds_no_pins_is_refused(text: str, tmp_path: Path) -> None:
    pins = tmp_path / "archives.toml"
    pins.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"archives\.toml"):
        read_archives(pins)


def test_a_missing_file_of_pins_is_told(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"cannot read the pinned archives in .*none"):
        read_archives(tmp_path / "none")


def test_an_archive_is_downloaded_once(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    file = download(archive, tmp_path, http, lambda _, done, total: told.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert told[-1] == (len(CONTENT), len(CONTENT))
    assert download(archive, tmp_path, http, ignore) == file
    assert publisher.asked == [0]


def test_a_cut_download_goes_on_where_it_stopped(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    publisher.cuts = [1_000_000, 500_000]
    told: list[tuple[int, int | None]] = []
    file = download(archive, tmp_path, http, lambda _, done, total: told.append((done, total)))
    assert file.read_bytes() == CONTENT
    assert publisher.asked == [0, 1_000_000, 1_500_000]
    assert {total for _, total in told} == {len(CONTENT)}


def test_a_download_that_is_cut_too_often_goes_on_in_the_next_run(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    publisher.cuts = [1_000_000, 0, 0, 0, 0]
    with pytest.raises(AwsError, match=r"cannot download .*thing-1\.0\.tgz: .*it continues where it stopped"):
        download(archive, tmp_path, http, ignore)
    assert not list(tmp_path.rglob("*.tgz"))
    assert download(archive, tmp_path, http, ignore).read_bytes() == CONTENT
    assert publisher.asked[-1] == 1_000_000


def test_a_publisher_that_knows_no_ranges_sends_all_again(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    publisher.cuts, publisher.resumes = [1_000_000], False
    assert download(archive, tmp_path, http, ignore).read_bytes() == CONTENT


def test_a_run_that_ended_before_the_rename_downloads_nothing_again(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    file = download(archive, tmp_path, http, ignore)
    file.rename(f"{file}.partial")
    assert download(archive, tmp_path, http, ignore).read_bytes() == CONTENT
    assert publisher.asked == [0, len(CONTENT)]


def test_another_file_than_the_pinned_one_is_refused_and_not_kept(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    publisher.content = b"something else"
    got = hashlib.sha256(publisher.content).hexdigest()
    with pytest.raises(AwsError, match=f"is not what was pinned: expected SHA-256 {SHA256}, got {got}; run the same"):
        download(archive, tmp_path, http, ignore)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_kept_file_that_was_changed_is_downloaded_again(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    file = download(archive, tmp_path, http, ignore)
    file.write_bytes(b"changed")
    assert download(archive, tmp_path, http, ignore).read_bytes() == CONTENT
    assert publisher.asked == [0, 0]


def test_a_file_that_is_not_offered_any_more_is_told_at_once(
    archive: Archive, publisher: Publisher, http: httpx.Client, tmp_path: Path
) -> None:
    publisher.status = 404
    with pytest.raises(AwsError, match="404 Not Found; check whether it is still there"):
        download(archive, tmp_path, http, ignore)
    assert publisher.asked == [0]


def test_a_publisher_out_of_reach_is_told(http: httpx.Client, tmp_path: Path) -> None:
    archive = Archive("thing", "1.0", "http://127.0.0.1:1/thing-1.0.tgz", SHA256)
    with pytest.raises(AwsError, match=r"cannot download .*: .*refused.*; check the network"):
        download(archive, tmp_path, http, ignore)


def test_a_folder_that_cannot_be_used_is_told(archive: Archive, http: httpx.Client, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(AwsError, match=r"cannot keep thing-1\.0\.tgz in .*file.*: Not a directory"):
        download(archive, tmp_path / "file", http, ignore)


def test_archives_come_into_the_bucket_under_their_keys(
    archive: Archive, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    told: list[tuple[int, int | None]] = []
    given = provide([archive], tmp_path, BUCKET, http, s3, lambda _, done, total: told.append((done, total)))
    assert given == {"thing": archive.key}
    assert s3.get_object(Bucket=BUCKET, Key=archive.key)["Body"].read() == CONTENT
    assert told.count((len(CONTENT), len(CONTENT))) == 2


def test_an_upload_carries_a_checksum_that_s3_can_check(
    archive: Archive, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    upload(archive, download(archive, tmp_path, http, ignore), BUCKET, s3, ignore)
    assert "ChecksumSHA256" in s3.head_object(Bucket=BUCKET, Key=archive.key, ChecksumMode="ENABLED")


def test_what_is_in_the_bucket_is_neither_downloaded_nor_uploaded_again(
    archive: Archive, publisher: Publisher, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    provide([archive], tmp_path / "first", BUCKET, http, s3, ignore)
    before = s3.head_object(Bucket=BUCKET, Key=archive.key)["LastModified"]
    assert provide([archive], tmp_path / "second", BUCKET, http, s3, ignore) == {"thing": archive.key}
    assert s3.head_object(Bucket=BUCKET, Key=archive.key)["LastModified"] == before
    assert publisher.asked == [0]


def test_a_wrong_archive_never_reaches_the_bucket(
    archive: Archive, publisher: Publisher, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    publisher.content = b"something else"
    with pytest.raises(AwsError, match="is not what was pinned"):
        provide([archive], tmp_path, BUCKET, http, s3, ignore)
    assert keys(s3) == []


def test_a_bucket_that_is_not_there_is_told(
    archive: Archive, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    file = download(archive, tmp_path, http, ignore)
    with pytest.raises(AwsError, match=r"cannot upload thing-1\.0\.tgz to nowhere: .*NoSuchBucket"):
        upload(archive, file, "nowhere", s3, ignore)


def test_a_bucket_that_may_not_be_read_is_told(
    archive: Archive, http: httpx.Client, s3: "S3Client", tmp_path: Path
) -> None:
    with Stubber(s3) as stub:
        stub.add_client_error("head_object", "403", "Forbidden", http_status_code=403)
        with pytest.raises(AwsError, match=r"cannot look for thing-1\.0\.tgz in artifacts: Forbidden"):
            provide([archive], tmp_path, BUCKET, http, s3, ignore)
