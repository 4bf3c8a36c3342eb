"""A policy scanner checks every template as CloudFormation gets it, and the files for secrets.

It has an environment of its own, since its pins conflict with others: `make` installs it.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tooling.aws_setup.stacks import STACKS

CHECKOV = Path(__file__).parents[2] / ".venvs" / "scan" / "bin" / "checkov"
FOLDER = Path(__file__).parents[2] / "infrastructure"
PUBLIC_BUCKET = {"Type": "AWS::S3::Bucket", "Properties": {"AccessControl": "PublicRead"}}
# Put together here, so that no scanner takes this file for a leak.
KIND = "PRIVATE"
LEAKED_KEY = f"-----BEGIN RSA {KIND} KEY-----\nMIIEpAIBAAKCAQEA7\n"


def scan(folder: Path, *frameworks: str) -> dict[str, dict[str, Any]]:
    """Return what the scanner reports about the files of a folder, by framework."""
    if not CHECKOV.exists() and os.environ.get("CI") != "true":
        pytest.skip(f"{CHECKOV} not found: make test installs it")
    assert CHECKOV.exists(), f"CI must install the scanner: {CHECKOV} not found"
    # File by file: in a folder it passes over what has an unusual ending.
    files = [str(path) for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix != ".pyc"]
    # Nothing is downloaded or uploaded: what it checks came with it, and what it finds is nobody else's business.
    command = [str(CHECKOV), "--framework", *frameworks, "--skip-download", "--output", "json", "-f", *files]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.stdout, done.stderr
    reports = json.loads(done.stdout)
    # One framework's report stands alone; where there is nothing to check, it has no results and no name.
    found = reports if isinstance(reports, list) else [{"check_type": frameworks[0]} | reports]
    nothing: dict[str, Any] = {"failed_checks": [], "skipped_checks": [], "parsing_errors": []}
    return {one["check_type"]: one.get("results", nothing) for one in found}


def failures(report: dict[str, Any]) -> list[str]:
    failed = [f"{one['check_id']} {one['file_path']} {one['resource']}" for one in report["failed_checks"]]
    return failed + [f"not read: {path}" for path in report["parsing_errors"]]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("templates")
    for stack in STACKS:
        (folder / f"{stack.name}.json").write_text(json.dumps(stack.template.tree, indent=1), encoding="utf-8")
    return scan(folder, "cloudformation")["cloudformation"]


def test_no_check_fails(report: dict[str, Any]) -> None:
    assert failures(report) == []


def test_every_template_was_scanned(report: dict[str, Any]) -> None:
    seen = {Path(one["file_path"]).stem for one in report["passed_checks"]}
    assert seen == {stack.name for stack in STACKS}


def test_every_skipped_check_has_a_reason(report: dict[str, Any]) -> None:
    reasons = {
        f"{one['check_id']} {one['resource']}": one["check_result"]["suppress_comment"]
        for one in report["skipped_checks"]
    }
    assert {skipped for skipped, reason in reasons.items() if len(reason.split()) < 8} == set()
    # One reason for two checks is hardly the reason for either.
    assert len(set(reasons.values())) == len(reasons)


def test_nothing_in_the_folder_looks_like_a_secret() -> None:
    assert failures(scan(FOLDER, "secrets")["secrets"]) == []


def test_the_scanner_finds_a_fault(tmp_path: Path) -> None:
    (tmp_path / "open.json").write_text(json.dumps({"Resources": {"Bucket": PUBLIC_BUCKET}}), encoding="utf-8")
    (tmp_path / "note.txt").write_text(LEAKED_KEY, encoding="utf-8")
    reports = scan(tmp_path, "cloudformation", "secrets")
    assert "CKV_AWS_20 " in " ".join(failures(reports["cloudformation"]))
    assert any("/note.txt" in one for one in failures(reports["secrets"]))
