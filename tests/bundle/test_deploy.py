"""`make deploy` and the other bundle targets reject invalid values before they call the Databricks CLI."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from pinterest_pipeline.errors import SettingsError
from tests.support.bundle_resolver import GIVEN
from tooling.databricks_setup.bundle.cli import call
from tooling.databricks_setup.bundle.rules import Values
from tooling.databricks_setup.bundle.values import read_bundle

ROOT = Path(__file__).parents[2]
PROFILE = "arn:aws:iam::123456789012:instance-profile/pinterest"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with the bundle's variables, and a stand-in for the CLI that records its calls."""
    (tmp_path / "databricks.yml").write_bytes((ROOT / "databricks.yml").read_bytes())
    cli = tmp_path / "databricks"
    cli.write_text('#!/bin/sh\necho "$@" > called\nexit 7\n', encoding="utf-8")
    cli.chmod(0o755)
    return tmp_path


def run(root: Path, target: str, given: Mapping[str, str] | None = None) -> int:
    return call(root, "deploy", target, environment(root, target, given or {}))


def environment(root: Path, target: str, given: Mapping[str, str]) -> dict[str, str]:
    values = {**GIVEN[target], **given}
    named = {f"BUNDLE_VAR_{name}": value for name, value in values.items() if value != "missing"}
    return named | {"PATH": str(root)}


def called(root: Path) -> str:
    path = root / "called"
    return path.read_text(encoding="utf-8").strip() if path.exists() else ""


@pytest.mark.parametrize("target", GIVEN)
def test_a_target_with_every_value_is_deployed(root: Path, target: str) -> None:
    assert run(root, target) == 7
    assert called(root) == f"bundle deploy --target {target}"


def test_a_person_can_run_a_job(root: Path) -> None:
    call(root, "run", "dev", environment(root, "dev", {}), ("batch", "--no-wait"))
    assert called(root) == "bundle run --target dev batch --no-wait"


CANNOT_BE = [
    ("prod", {"kinesis_access": ""}, "the stream has no identity on AWS: give kinesis_access or stream_instance"),
    ("dev", {"stream_status": "UNPAUSED"}, "the stream has no identity on AWS"),
    (
        "staging",
        {"kinesis_access": "", "stream_instance_profile": PROFILE},
        "serverless compute has no identity on AWS",
    ),
    ("prod", {"stream_serverless_status": "UNPAUSED"}, "one of them must be PAUSED"),
    ("prod", {"stream_instance_profile": "arn:aws:iam::1:role/x"}, "stream_instance_profile cannot be"),
    ("prod", {"landing_location": "s3a://pinterest-landing"}, "landing_location cannot be 's3a://pinterest-landing'"),
    ("prod", {"landing_location": ""}, "landing_location cannot be ''"),
    ("prod", {"landing_location": "missing"}, "landing_location is missing; give it as BUNDLE_VAR_landing_location"),
    ("prod", {"storage_credential": ""}, "storage_credential cannot be ''"),
    ("prod", {"deployer": "missing"}, "deployer is missing"),
    ("prod", {"deployer": "ann@company.example"}, "Application ID of the service principal that deploys"),
    ("prod", {"notification_email": "missing"}, "notification_email is missing"),
    ("dev", {"landing_path": "missing"}, "landing_path is missing"),
    ("dev", {"landing_path": "s3://pinterest-landing"}, "landing_path cannot be"),
    ("dev", {"schedule": "0 3 * * *"}, "schedule cannot be '0 3 * * *': expected 6 or 7 fields"),
    ("dev", {"schedule_status": "ON"}, "'PAUSED' or 'UNPAUSED'"),
    ("dev", {"prefix": "Pins"}, "the prefix must be 3 to 32"),
    ("dev", {"stream_workers": "0"}, "greater than 0"),
    ("dev", {"job_timeout_seconds": "60"}, "must not be longer than job_timeout_seconds"),
    ("dev", {"landing": "/Volumes/a/b/c"}, "expected variables that databricks.yml declares, got landing"),
]


@pytest.mark.parametrize(("target", "given", "message"), CANNOT_BE)
def test_missing_and_invalid_values_are_rejected_before_the_cli_is_called(
    root: Path, target: str, given: dict[str, str], message: str
) -> None:
    with pytest.raises(SettingsError) as refusal:
        run(root, target, given)
    assert message in str(refusal.value)
    assert called(root) == ""


def test_all_faults_are_reported_together(root: Path) -> None:
    with pytest.raises(SettingsError) as refusal:
        run(root, "prod", {"deployer": "missing", "job_principal": "missing", "schedule": "daily"})
    assert len(str(refusal.value).splitlines()) == 4


def test_an_instance_profile_suffices_as_identity_of_the_cluster(root: Path) -> None:
    run(root, "prod", {"kinesis_access": "", "stream_instance_profile": PROFILE})
    assert called(root)


def test_the_overrides_file_gives_values_and_the_environment_takes_precedence(root: Path) -> None:
    file = root / ".databricks" / "bundle" / "prod" / "variable-overrides.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"deployer": GIVEN["prod"]["deployer"], "stream_workers": 0}), encoding="utf-8")
    run(root, "prod", {"deployer": "missing", "stream_workers": "3"})
    assert called(root)


@pytest.mark.parametrize("text", ["{", "[]"])
def test_an_overrides_file_that_is_no_object_is_one_clear_error(root: Path, text: str) -> None:
    file = root / ".databricks" / "bundle" / "dev" / "variable-overrides.json"
    file.parent.mkdir(parents=True)
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=r"expected a JSON object of variables in .*variable-overrides\.json"):
        run(root, "dev")


def test_a_missing_cli_is_one_clear_error(root: Path) -> None:
    (root / "databricks").unlink()
    with pytest.raises(SettingsError, match="expected the Databricks CLI as databricks on the path, found none"):
        run(root, "dev")


def test_an_unknown_target_is_one_clear_error(root: Path) -> None:
    with pytest.raises(SettingsError, match="expected a target of dev, staging, prod, got 'production'"):
        call(root, "deploy", "production", {})


def test_every_declared_variable_has_a_rule() -> None:
    rules = {field.alias or name for name, field in Values.model_fields.items()}
    assert rules == read_bundle(ROOT)["variables"].keys()
