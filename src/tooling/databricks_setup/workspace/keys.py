"""The AWS keys of the legacy mount: from the AWS console's file, AWS's own credentials file, or the environment.

They are never a command's argument, which every user of the machine could read in process lists.
"""

import configparser
import csv
from collections.abc import Mapping
from pathlib import Path

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.files import read_private
from pinterest_pipeline.ingest.legacy_mount.aws_keys import KEY_COLUMNS, AwsKeys

ENVIRONMENT = ("PINTEREST_MOUNT_ACCESS_KEY_ID", "PINTEREST_MOUNT_SECRET_ACCESS_KEY")
"""Names of their own: AWS's usual ones hold the administrator's keys, which a mount must never have."""

_PROFILE_NAMES = ("aws_access_key_id", "aws_secret_access_key")
_TEMPORARY = "ASIA"


def keys_from_file(path: Path, profile: str = "default") -> AwsKeys:
    """Read the keys from a file that only its owner may read.

    Args:
        path: The CSV file from the AWS console, or AWS's own credentials file.
        profile: The profile in the latter.

    Raises:
        SettingsError: It cannot be read, others may read it too, or it does not hold exactly one pair of keys.
    """
    text = read_private(path, "keys file")
    if text.lstrip().startswith(("[", "#")):
        return _from_profile(text, profile, path)
    return _from_csv(text, path)


def keys_from_environment(environment: Mapping[str, str]) -> AwsKeys:
    """Read the keys from the environment variables that `ENVIRONMENT` names.

    Raises:
        SettingsError: One of them is not set.
    """
    return _pair(environment.get(ENVIRONMENT[0]), environment.get(ENVIRONMENT[1]), " and ".join(ENVIRONMENT))


def _from_csv(text: str, path: Path) -> AwsKeys:
    rows = [row for row in csv.DictReader(text.splitlines()) if any(row.values())]
    if len(rows) != 1 or not set(KEY_COLUMNS) <= rows[0].keys():
        raise SettingsError(
            f"expected the columns {' and '.join(KEY_COLUMNS)} and one row in {path}; "
            "give the file as downloaded from the AWS console, with its header"
        )
    return _pair(rows[0][KEY_COLUMNS[0]], rows[0][KEY_COLUMNS[1]], str(path))


def _from_profile(text: str, profile: str, path: Path) -> AwsKeys:
    parser = configparser.RawConfigParser(default_section="", strict=False)
    try:
        parser.read_string(text)
    except configparser.Error:
        # The parser's own message quotes the line, which may hold a key.
        raise SettingsError(f"{path} is neither a CSV file of the AWS console nor an AWS credentials file") from None
    if not parser.has_section(profile):
        raise SettingsError(f"expected the profile {profile} in {path}, found {', '.join(parser.sections()) or 'none'}")
    found = parser[profile]
    return _pair(found.get(_PROFILE_NAMES[0]), found.get(_PROFILE_NAMES[1]), f"the profile {profile} of {path}")


def _pair(access_key_id: str | None, secret_access_key: str | None, place: str) -> AwsKeys:
    pair = [(value or "").strip() for value in (access_key_id, secret_access_key)]
    if not all(pair):
        raise SettingsError(f"expected an access key ID and a secret access key in {place}; one of them is missing")
    if pair[0].startswith(_TEMPORARY):
        raise SettingsError(f"{place} holds temporary keys, which expire before the mount; give keys of an IAM user")
    return AwsKeys(*pair)
