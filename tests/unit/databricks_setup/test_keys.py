from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import AwsKeys
from tooling.databricks_setup.workspace.keys import keys_from_file

HIDDEN = "secret/of+the+test"
KEYS = AwsKeys("AKIAOFTHETEST", HIDDEN)
CSV = f"\ufeffAccess key ID,Secret access key\r\nAKIAOFTHETEST,{HIDDEN}\r\n"
INI = f"""\
[default]
aws_access_key_id = AKIAOFSOMEBODYELSE
aws_secret_access_key = another

[reader]
aws_access_key_id = AKIAOFTHETEST
aws_secret_access_key = {HIDDEN}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "keys"
    path.touch(mode=0o600)
    return path


def read(file: Path, text: str, profile: str = "default") -> AwsKeys:
    file.write_text(text, encoding="utf-8")
    return keys_from_file(file, profile)


def error(file: Path, text: str) -> str:
    with pytest.raises(SettingsError) as raised:
        read(file, text)
    assert HIDDEN not in str(raised.value)
    assert raised.value.__cause__ is None
    return str(raised.value)


@pytest.mark.parametrize(
    "text", [CSV, CSV.replace("Access key ID", "User name,Access key ID").replace("AKIA", "ann,AKIA")]
)
def test_the_console_s_file_is_read_with_its_byte_order_mark_and_more_columns(file: Path, text: str) -> None:
    assert read(file, text) == KEYS


def test_a_profile_of_the_credentials_file_is_read(file: Path) -> None:
    assert read(file, INI, "reader") == KEYS


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "expected the columns Access key ID and Secret access key and one row"),
        (f"AKIAOFTHETEST,{HIDDEN}", "with its header"),
        (CSV + f"AKIAOFANOTHER,{HIDDEN}", "one row"),
        (CSV.replace(HIDDEN, ""), "one of them is missing"),
        (CSV.replace("AKIA", "ASIA"), "temporary keys"),
        ("[reader]", "expected the profile default in"),
        (f"[default]\n{HIDDEN}", "neither a CSV file of the AWS console nor an AWS credentials file"),
    ],
)
def test_a_file_without_one_pair_of_keys_is_refused_without_showing_it(file: Path, text: str, words: str) -> None:
    assert words in error(file, text)


def test_a_file_that_others_may_read_is_refused(file: Path) -> None:
    file.chmod(0o640)
    assert f"chmod 600 {file}" in error(file, CSV)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the keys file"):
        keys_from_file(tmp_path / "none")
