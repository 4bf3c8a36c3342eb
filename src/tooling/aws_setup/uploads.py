"""Uploads to the deployment's buckets that CloudFormation needs, and their names there.

A name holds the content's hash: a changed file has a new name, by which CloudFormation sees a change of the resources
that use it, and an unchanged file is not uploaded again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import httpx

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.archives import Archive, is_in, provide, read_archives
from tooling.aws_setup.clients import aws_says
from tooling.aws_setup.templates import FOLDER
from tooling.files import cache_folder, sha256_of

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tooling.aws_setup.settings import Settings
    from tooling.aws_setup.templates import Values

START_SCRIPT = FOLDER / "client" / "start.sh"
ARCHIVES = FOLDER / "client" / "archives.toml"
DAGS = FOLDER / "dags"
REQUIREMENTS = DAGS / "requirements.txt"

ARCHIVE_PARAMETERS = {
    "kafka": "KafkaArchiveKey",
    "aws-msk-iam-auth": "IamJarKey",
    "confluent-community": "ConfluentArchiveKey",
}
"""The pinned archives, and the template parameter for each one's key."""

Note = Callable[[str], None]


@dataclass(frozen=True)
class Upload:
    """A file that goes into a bucket.

    Attributes:
        file: The file here.
        key: Its key there.
    """

    file: Path
    key: str


def check(settings: Settings) -> None:
    """Check that every file to upload exists, before anything is created.

    Raises:
        SettingsError: The connector's plugin is not given, not there, or not what the settings say it is.
    """
    if settings.batch:
        _plugin(settings)


def names(settings: Settings) -> Values:
    """Return what the uploads are called, by the parameters that name them."""
    found: dict[str, str] = {}
    if settings.batch:
        script = _start_script()
        archives = read_archives(ARCHIVES)
        found |= {parameter: archives[name].key for name, parameter in ARCHIVE_PARAMETERS.items()}
        found |= {"StartScriptKey": script.key, "StartScriptSha256": sha256_of(script.file)}
        found |= {"PluginSha256": settings.connector.plugin_sha256}
    if settings.airflow.enabled:
        found["RequirementsKey"] = _requirements().key
    return found


def upload(s3: S3Client, settings: Settings, stack: str, outputs: Values, note: Note) -> None:
    """Bring into the buckets what a stack is about to use.

    Args:
        s3: The service.
        settings: The deployment's settings.
        stack: The stack's short name.
        outputs: What the stacks before it gave: the buckets' names.
        note: Called with a line of progress.

    Raises:
        SettingsError: A file is not there.
        AwsError: A download or an upload fails.
    """
    if stack == "clients":
        bucket = outputs["ArtifactsBucket"]
        with httpx.Client(timeout=60, follow_redirects=True) as http:
            provide(read_archives(ARCHIVES).values(), cache_folder("archives"), bucket, http, s3, _progress(note))
        _put(s3, bucket, [_start_script(), _plugin(settings)], note)
    if stack == "airflow":
        _put(s3, outputs["DagsBucket"], [_requirements()], note)
        _put_dags(s3, outputs["DagsBucket"], note)


def _start_script() -> Upload:
    return Upload(START_SCRIPT, f"client/{sha256_of(START_SCRIPT)}/{START_SCRIPT.name}")


def _requirements() -> Upload:
    return Upload(REQUIREMENTS, f"requirements/{sha256_of(REQUIREMENTS)}/{REQUIREMENTS.name}")


def _plugin(settings: Settings) -> Upload:
    connector = settings.connector
    if not connector.plugin or not connector.plugin_sha256:
        raise SettingsError(
            "connector.plugin and connector.plugin_sha256 are not set: give path and SHA-256 of the zip of Confluent's "
            "S3 sink connector, from https://www.confluent.io/hub/confluentinc/kafka-connect-s3"
        )
    file = Path(connector.plugin)
    if not file.is_file():
        raise SettingsError(
            f"connector.plugin: there is no file {file}; download the zip of the S3 sink connector there"
        )
    got = sha256_of(file)
    if got != connector.plugin_sha256:
        raise SettingsError(
            f"connector.plugin_sha256 is {connector.plugin_sha256}, but {file} has {got}; "
            "correct the digest or give the other zip"
        )
    # Without the file's own name: a plugin cannot change, and its name in AWS is the hash alone.
    return Upload(file, f"plugins/{got}.zip")


def _put(s3: S3Client, bucket: str, uploads: list[Upload], note: Note) -> None:
    for one in uploads:
        with aws_says(f"cannot upload {one.file.name} to {bucket}"):
            if is_in(bucket, one.key, s3):
                continue
            note(f"uploading {one.file.name}")
            s3.upload_file(str(one.file), bucket, one.key, ExtraArgs={"ChecksumAlgorithm": "SHA256"})


def _put_dags(s3: S3Client, bucket: str, note: Note) -> None:
    # MWAA runs every file in the folder: all files of this folder are uploaded, changed or not, and others are deleted.
    files = sorted(DAGS.glob("*.py"))
    with aws_says(f"cannot put the DAGs into {bucket}"):
        for file in files:
            note(f"uploading {file.name}")
            s3.upload_file(str(file), bucket, f"dags/{file.name}", ExtraArgs={"ChecksumAlgorithm": "SHA256"})
        there = s3.list_objects_v2(Bucket=bucket, Prefix="dags/").get("Contents", [])
        for key in {one["Key"] for one in there} - {f"dags/{file.name}" for file in files}:
            note(f"removing {key}, which is no longer in this folder")
            s3.delete_object(Bucket=bucket, Key=key)


def _progress(note: Note) -> Callable[[Archive, int, int | None], None]:
    """Return a progress callback that notes every tenth of an archive."""
    noted: dict[str, int] = {}

    def note_tenth(archive: Archive, done: int, total: int | None) -> None:
        tenth = 10 * done // total if total else done >> 26
        if noted.get(archive.name) != tenth:
            noted[archive.name] = tenth
            of = f" of {total / 1e6:,.0f}" if total else ""
            note(f"{archive.file_name}: {done / 1e6:,.0f}{of} MB")

    return note_tenth
