"""scripts/set_up_workspace.py against a stand-in for a workspace that rejects what the SDK does not declare."""

import re
import shlex
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType

import pytest
import yaml
from databricks.sdk import WorkspaceClient
from databricks.sdk.service import catalog

from pinterest_pipeline.console import run_script
from pinterest_pipeline.ingest.legacy_mount.aws_keys import AwsKeys
from tests.unit.databricks_setup.fake_workspace import HERE, ME, external_id
from tests.unit.databricks_setup.person import (
    DEPLOYER,
    JOBS,
    KEY_ID,
    KEYS,
    LOCATION,
    OTHER_ROLE,
    ROLE,
    ROOT,
    SECRET,
    STORAGE,
    STREAMS,
    TABLE,
    VARIABLES,
    Person,
    empty,
    trusting,
)
from tooling.databricks_setup.bundle.values import target_values
from tooling.databricks_setup.workspace.client import open_workspace
from tooling.databricks_setup.workspace.setup import apply
from tooling.databricks_setup.workspace.wanted import LegacyKeys, wanted


def test_the_first_apply_makes_the_credentials_and_says_what_to_do_on_aws(person: Person) -> None:
    said = person.run("apply", code=1)
    made = person.workspace.credentials
    roles = {name: each.aws_iam_role.role_arn for name, each in made.items() if each.aws_iam_role}
    assert roles == {STORAGE: ROLE, STREAMS: ROLE}
    assert made[STORAGE].read_only
    assert f'external_id = "{external_id(STORAGE)},{external_id(STREAMS)}" under [databricks] in aws.toml' in said
    assert "set_up_aws.py apply" in said
    assert "make deploy TARGET=prod" in said


def test_the_second_phase_binds_grants_and_stores(person: Person) -> None:
    person.uses(trusting())
    person.run("apply", *KEYS)
    fake = person.workspace
    securables = {("storage_credential", STORAGE), ("credential", STREAMS), ("external_location", LOCATION)}
    assert fake.bindings == {each: {HERE} for each in securables}
    assert fake.grants == {
        ("storage_credential", STORAGE): {DEPLOYER: {"CREATE_EXTERNAL_LOCATION"}},
        ("credential", STREAMS): {JOBS: {"ACCESS"}},
    }
    assert fake.scopes == {"pinterest": {"aws-access-key-id": KEY_ID, "aws-secret-access-key": SECRET}}
    assert fake.tables[TABLE][1] == [(KEY_ID, SECRET)]


def test_a_repeated_apply_changes_nothing(person: Person) -> None:
    person.uses(trusting())
    person.run("apply", *KEYS)
    assert person.workspace.changes()
    person.workspace.calls.clear()
    assert "Nothing is missing" in person.run("apply", *KEYS)
    assert "Nothing is missing" in person.run("check", *KEYS)
    assert person.workspace.changes() == []


def test_a_plan_names_the_changes_and_makes_none(person: Person) -> None:
    person.uses(trusting())
    planned = person.run("plan", *KEYS)
    assert person.workspace.state() == trusting().state()
    done = person.run("apply", *KEYS)
    lines = [line.split(": ", 1)[1] for line in planned.splitlines() if line.startswith("apply would: ")]
    assert [line.split(": ", 1)[1] for line in done.splitlines() if line.startswith("done: ")] == lines


def test_only_what_differs_is_changed(person: Person) -> None:
    person.uses(trusting())
    person.run("apply", *KEYS)
    fake = person.workspace
    fake.credentials[STREAMS] = replace(
        fake.credentials[STREAMS], aws_iam_role=catalog.AwsIamRole("id", OTHER_ROLE, "arn")
    )
    fake.scopes["pinterest"]["aws-secret-access-key"] = "an older one"
    fake.grants.clear()
    fake.calls.clear()
    person.run("apply", *KEYS)
    assert [each.removeprefix("PATCH /api/2.1/unity-catalog/") for each in fake.changes()] == [
        f"permissions/storage_credential/{STORAGE}",
        f"credentials/{STREAMS}",
        f"permissions/credential/{STREAMS}",
        "POST /api/2.0/secrets/put",
        "CREATE OR REPLACE TABLE",
    ]
    assert fake.tables[TABLE][1] == [(KEY_ID, SECRET)]


class Cut(BaseException):
    """The process ends here."""


def ending(call: Callable[..., object], number: int, *, after: bool) -> Callable[..., object]:
    """Return the call, which ends the process before or after a number of calls."""
    done = 0

    def do(*words: object, **more: object) -> object:
        nonlocal done
        done += 1
        if done == number and not after:
            raise Cut
        answer = call(*words, **more)
        if done == number:
            raise Cut
        return answer

    return do


def test_an_apply_cut_off_at_any_call_is_completed_by_the_next(person: Person) -> None:
    values = target_values(person.script.read_bundle(ROOT), "prod", VARIABLES)
    keys = LegacyKeys(AwsKeys(KEY_ID, SECRET), TABLE)

    def run(workspace: WorkspaceClient) -> None:
        assert apply(workspace, wanted(workspace, "prod", values, ROLE, keys), lambda _: None) == []

    person.uses(trusting())
    run(open_workspace())
    whole, calls = person.workspace.state(), [method for method, _, _ in person.workspace.calls]
    for number, method in enumerate(calls, 1):
        # Before and after a read are the same.
        for after in (False, True) if method != "GET" else (False,):
            person.uses(trusting())
            workspace = open_workspace()
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(workspace.api_client, "do", ending(workspace.api_client.do, number, after=after))
                with pytest.raises(Cut):
                    run(workspace)
            run(workspace)
            assert person.workspace.state() == whole, f"cut at call {number}"


def test_no_key_is_in_a_statement_or_its_parameters(person: Person) -> None:
    person.uses(trusting())
    person.run("apply", *KEYS)
    shown = [path for _, path, text in person.workspace.calls if KEY_ID in text or SECRET in text]
    assert set(shown) == {"/api/2.0/secrets/put"}


def test_check_names_everything_that_is_missing_with_its_fix(person: Person) -> None:
    person.uses(replace(empty(), catalogs=set()))
    said = person.run("check", *KEYS, code=1)
    for words in (
        "catalog main: missing; create it",
        f"storage credential {STORAGE}: missing; create it with the role",
        f"service credential {STREAMS}: missing; create it with the role",
        f"external location {LOCATION}: missing; deploy the bundle",
        "secret scope pinterest: missing; deploy the bundle",
    ):
        assert words in said
    assert person.workspace.changes() == []


def test_a_secret_that_may_be_written_and_not_read_is_written(person: Person) -> None:
    person.uses(replace(trusting(), denied="GET .*/secrets/get"))
    person.run("apply", "--keys-from-environment")
    assert person.workspace.scopes["pinterest"]["aws-secret-access-key"] == SECRET


def test_a_target_without_credentials_needs_no_role(person: Person) -> None:
    for name, value in {"landing_location": "", "storage_credential": "", "kinesis_access": ""}.items():
        person.patch.setenv(f"BUNDLE_VAR_{name}", value)
    for name in ("deployer", "job_principal"):
        person.patch.delenv(f"BUNDLE_VAR_{name}")
    person.patch.setattr("sys.argv", ["x", "check", "--target", "dev"])
    with pytest.raises(SystemExit) as ended:
        run_script(person.script.main)
    assert ended.value.code == 0


def test_who_owns_a_credential_is_granted_nothing(person: Person) -> None:
    person.patch.setenv("BUNDLE_VAR_deployer", ME)
    person.uses(trusting())
    person.run("apply")
    assert person.workspace.grants.keys() == {("credential", STREAMS)}


def test_every_command_in_the_documents_is_one_that_the_script_takes(script: ModuleType) -> None:
    text = (ROOT / "docs" / "databricks.md").read_text(encoding="utf-8")
    commands = re.findall(r"python scripts/set_up_workspace\.py (.*)", text)
    assert len(commands) > 1
    for command in commands:
        assert script.command_line().parse_args(shlex.split(command, comments=True)).target == "prod"


def test_the_names_are_those_of_the_bundle() -> None:
    location = yaml.safe_load((ROOT / "resources" / "bucket.external_location.yml").read_text(encoding="utf-8"))
    scope = yaml.safe_load((ROOT / "resources" / "keys.secret_scope.yml").read_text(encoding="utf-8"))
    name = location["targets"]["prod"]["resources"]["external_locations"]["bucket"]["name"]
    assert name.replace("${var.prefix}", "pinterest") == LOCATION
    assert scope["targets"]["prod"]["resources"]["secret_scopes"]["keys"]["name"] == "${var.prefix}"
