"""The settings file of a deployment: valid values, and the errors for invalid ones."""

import tomllib
from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from tooling.aws_setup.settings import Settings, example, read_settings


def refusal(folder: Path, text: str) -> str:
    file = folder / "aws.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        read_settings(file)
    said = str(refused.value)
    assert "\n" not in said
    return said


def test_the_example_has_every_default(tmp_path: Path) -> None:
    file = tmp_path / "aws.toml"
    file.write_text(example(), encoding="utf-8")
    assert read_settings(file).model_copy(update={"tags": {}}) == Settings()


def test_the_example_names_every_setting() -> None:
    content = tomllib.loads(example())
    assert content.keys() == Settings.model_fields.keys()
    for name, default in Settings():
        if name not in ("tags", *(key for key, value in content.items() if not isinstance(value, dict))):
            assert content[name].keys() == type(default).model_fields.keys()


def test_every_setting_is_explained() -> None:
    lines = example().splitlines()
    settings = [number for number, line in enumerate(lines) if " = " in line and not line.startswith(("#", "project"))]
    assert len(settings) > 30
    for number in settings:
        assert lines[number - 1].startswith("# "), lines[number]
        assert lines[number - 1] != "# None"


def test_an_empty_file_is_a_deployment_with_all_defaults(tmp_path: Path) -> None:
    file = tmp_path / "aws.toml"
    file.touch()
    assert read_settings(file) == Settings()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("prefix = 3", "prefix cannot be 3"),
        ('prefix = "No"', "lower-case letters"),
        ('region = "us-eest-1"', "no region 'us-eest-1', perhaps us-"),
        ('region = "moon"', "no region 'moon'"),
        ("[network]\nzones = 5", "network.zones cannot be 5"),
        ('[network]\ncidr = "10.0.0.0/99"', "network.cidr must be a block"),
        ('[network]\ncidr = "10.0.0.0/24"', "from /21 to /16"),
        ('prefix = "a--b"\n[database]\nkind = "create"', "two hyphens"),
        ('[kafka]\nkind = "big"', "'provisioned', 'serverless' or 'none'"),
        ('[kafka]\nvolume_gb = "50"', "kafka.volume_gb cannot be '50'"),
        ("[kafka]\nvolume_gb = 0", "kafka.volume_gb cannot be 0"),
        ("[kafka]\nvolumes = 1", "known are kind, broker_type"),
        ("colour = 1", "known are prefix, region"),
        ("[streams]\nretention_hours = 1", "streams.retention_hours cannot be 1"),
        ('[connector]\nplugin_sha256 = "abc"', "connector.plugin_sha256"),
        ('[databricks]\nprincipal = "*"', "databricks.principal"),
        ('alarm_email = "nobody"', "alarm_email"),
        ("monthly_budget_usd = 100", "needs alarm_email"),
        ('service_role = "deployer"', "service_role"),
        ('permissions_boundary = "bounded"', "permissions_boundary"),
        ('[database]\nkind = "existing"', "needs database.url"),
        ('[database]\nkind = "existing"\nurl = "mysql+pymysql://me:secret@host/db"', "neither user nor password"),
        ("prefix = ", "Invalid value"),
        ("[kafka]\nkind = 1\nvolume_gb = 0", "(and 1 more)"),
    ],
)
def test_what_cannot_be_is_refused_on_one_line(tmp_path: Path, text: str, words: str) -> None:
    assert words in refusal(tmp_path, text)


def test_a_missing_file_names_the_command_that_makes_one(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"set_up_aws\.py example"):
        read_settings(tmp_path / "aws.toml")


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "aws.toml"
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(SettingsError, match="utf-8"):
        read_settings(file)


def test_the_plugin_is_found_from_where_the_file_lies(tmp_path: Path) -> None:
    file = tmp_path / "aws.toml"
    file.write_text('[connector]\nplugin = "s3.zip"', encoding="utf-8")
    assert read_settings(file).connector.plugin == str(tmp_path / "s3.zip")
