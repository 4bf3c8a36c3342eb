"""scripts/set_up_aws.py as a user runs it: the real templates of the stream half, against an emulated AWS."""

import json
import os
import signal
import subprocess
import sys
import zlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import boto3
import pytest

from tests.support.aws_emulator import REGION, emulated_aws, environment
from tests.support.scripts import SCRIPTS, run_here

SCRIPT = SCRIPTS / "set_up_aws.py"


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The environment in which the script calls the emulated AWS."""
    with emulated_aws(tmp_path_factory.mktemp("aws")) as url:
        yield {**os.environ, **environment(url), "COLUMNS": "200"}


@pytest.fixture
def settings(tmp_path: Path) -> Path:
    file = tmp_path / "aws.toml"
    file.write_text(f'prefix = "{prefix(tmp_path)}"\n[kafka]\nkind = "none"\n', encoding="utf-8")
    return file


def prefix(folder: Path) -> str:
    return f"s{zlib.crc32(str(folder).encode()):x}"


def run(aws: Mapping[str, str], settings: Path, *words: str, code: int = 0) -> str:
    """Run the script, and return all that it said."""
    done = ended(aws, settings, words)
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


def output(aws: Mapping[str, str], settings: Path, *words: str) -> str:
    """Run the script, and return what another program would read of it."""
    return ended(aws, settings, words).stdout


def ended(aws: Mapping[str, str], settings: Path, words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return run_here(SCRIPT, *options(settings, *words), folder=settings.parent, environment=aws)


def options(settings: Path, *words: str) -> list[str]:
    return [words[0], "--settings", str(settings), *words[1:]]


def test_the_life_of_a_deployment(aws: Mapping[str, str], settings: Path) -> None:
    name = prefix(settings.parent)
    plan = run(aws, settings, "plan")
    for words in (
        "PinStream",
        "Kinesis::Stream",
        "LandingBucket",
        "rough monthly cost",
        "stream on-demand",
        "together",
    ):
        assert words in plan
    assert "not there" in run(aws, settings, "status")

    made = run(aws, settings, "apply", "--yes")
    assert f"create complete pipeline-{name}-streams" in made
    status = run(aws, settings, "status")
    for words in ("CREATE_COMPLETE", "InvokeUrl", "execute-api", "LandingLocation", "s3://", "StreamArns"):
        assert words in status

    outputs = json.loads(output(aws, settings, "status", "--json"))
    assert {"InvokeUrl", "LandingBucket", "DatabricksRoleArn"} <= outputs.keys()

    again = run(aws, settings, "apply", "--yes")
    assert "0 resources changed" in again
    assert "nothing to change" in run(aws, settings, "plan")
    assert "No drift: every resource matches its template" in run(aws, settings, "drift")

    removed = run(aws, settings, "destroy", "--yes")
    assert f"pipeline-{name}-data stays" in removed
    assert run(aws, settings, "destroy", "--yes", "--delete-data").count("deleted the bucket") == 3
    assert "not there" in run(aws, settings, "status")


def test_ctrl_c_says_what_goes_on_and_the_next_apply_ends_it(aws: Mapping[str, str], settings: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), *options(settings, "apply", "--yes")],
        env=aws,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    for line in process.stdout:
        if "create in progress" in line:
            break
    process.send_signal(signal.SIGINT)
    said, errors = process.communicate(timeout=300)
    assert process.returncode == 130
    assert "run apply again to follow it" in said + errors
    assert errors.splitlines()[-1] == "stopped"

    run(aws, settings, "apply", "--yes")
    assert "0 resources changed" in run(aws, settings, "apply", "--yes")
    run(aws, settings, "destroy", "--yes", "--delete-data")


def test_drift_has_an_exit_code_of_its_own(
    aws: Mapping[str, str], settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(aws, settings, "apply", "--yes")
    for name, value in environment(aws["AWS_ENDPOINT_URL"]).items():
        monkeypatch.setenv(name, value)
    logs = boto3.client("logs", region_name=REGION)
    (group,) = logs.describe_log_groups(logGroupNamePrefix=f"/aws/apigateway/{prefix(settings.parent)}")["logGroups"]
    logs.put_retention_policy(logGroupName=group["logGroupName"], retentionInDays=1)
    assert "RetentionInDays" in run(aws, settings, "drift", code=1)


def test_nothing_is_removed_without_a_yes(aws: Mapping[str, str], settings: Path) -> None:
    run(aws, settings, "apply", "--yes")
    assert "give --yes" in run(aws, settings, "destroy", "--delete-data", code=2)
    assert "CREATE_COMPLETE" in run(aws, settings, "status")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('region = "us-eest-1"', "AWS has no region 'us-eest-1'"),
        ('prefix = "NO"', "the prefix must be 3 to 32"),
        ("", "connector.plugin and connector.plugin_sha256 are not set"),
        ('[connector]\nplugin = "gone.zip"\nplugin_sha256 = "' + "0" * 64 + '"', "there is no file"),
        ("kafka = 1", "kafka cannot be 1"),
    ],
)
def test_wrong_settings_end_with_one_line(aws: Mapping[str, str], tmp_path: Path, text: str, words: str) -> None:
    file = tmp_path / "aws.toml"
    file.write_text(text, encoding="utf-8")
    said = run(aws, file, "plan", code=2)
    assert words in said
    assert sum(line.startswith("error: ") for line in said.splitlines()) == 1


def test_no_credentials_and_no_aws_are_one_line_each(aws: Mapping[str, str], settings: Path) -> None:
    unsigned = {
        name: value for name, value in aws.items() if name not in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    }
    assert "aws sso login" in run({**unsigned, "AWS_SECRET_ACCESS_KEY": ""}, settings, "plan", code=2)
    nowhere = {**aws, "AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"}
    assert "cannot get the caller's identity from AWS" in run(nowhere, settings, "plan", code=2)


def test_the_example_is_a_settings_file(aws: Mapping[str, str], tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "example"], capture_output=True, text=True, timeout=300, check=True
    )
    file = tmp_path / "aws.toml"
    file.write_text(done.stdout, encoding="utf-8")
    assert "connector.plugin" in run(aws, file, "plan", code=2)
