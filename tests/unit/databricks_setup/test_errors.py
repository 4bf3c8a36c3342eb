"""Errors of scripts/set_up_workspace.py where the workspace refuses, and objects that it does not change."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from databricks.sdk.errors import BadRequest
from databricks.sdk.service import catalog

from pinterest_pipeline.errors import SettingsError
from tests.unit.databricks_setup.person import (
    DEPLOYER,
    KEYS,
    LOCATION,
    OTHER_ROLE,
    ROLE,
    STORAGE,
    TABLE,
    Person,
    taken,
    trusting,
)
from tooling.databricks_setup.workspace import secrets
from tooling.databricks_setup.workspace.client import open_workspace
from tooling.databricks_setup.workspace.keys import ENVIRONMENT


@pytest.mark.parametrize("command", ["plan", "apply", "check"])
def test_a_name_taken_by_somebody_else_is_left_alone(person: Person, command: str) -> None:
    person.uses(replace(trusting(), credentials={STORAGE: taken()}))
    said = person.run(command, code=0 if command == "plan" else 1)
    assert f"the name is taken by a storage credential of bob@example.com with the role {OTHER_ROLE}" in said
    assert "BUNDLE_VAR_storage_credential" in said
    assert person.workspace.credentials[STORAGE] == taken()


def test_a_service_credential_of_the_name_is_not_made_a_storage_credential(person: Person) -> None:
    info = taken(catalog.CredentialPurpose.SERVICE, ROLE)
    person.uses(replace(trusting(), credentials={STORAGE: info}))
    assert "taken by a service credential" in person.run("check", code=1)


def test_a_name_that_is_taken_out_of_sight_is_one_line(person: Person) -> None:
    person.uses(replace(trusting(), credentials={STORAGE: taken()}, out_of_sight={STORAGE}))
    assert "taken in the metastore by a credential that this user cannot see" in person.error("apply")


def test_an_external_location_of_somebody_else_is_left_alone(person: Person) -> None:
    other = catalog.ExternalLocationInfo(name=LOCATION, url="s3://other", credential_name="x", owner="bob@example.com")
    person.uses(replace(trusting(), locations={LOCATION: other}))
    assert "it is s3://other by x of bob@example.com, expected" in person.run("apply", code=1)
    assert person.workspace.locations == {LOCATION: other}


def test_a_table_of_somebody_else_is_left_alone(person: Person) -> None:
    info = catalog.TableInfo(full_name=TABLE, columns=[catalog.ColumnInfo(name="id")], owner="bob@example.com")
    person.uses(replace(trusting(), tables={TABLE: (info, [])}))
    assert "another object has the name; its owner is bob@example.com" in person.run("apply", *KEYS, code=1)
    assert person.workspace.tables == {TABLE: (info, [])}


@pytest.mark.parametrize(
    ("denied", "words"),
    [
        ("POST .*/credentials$", f"cannot create the storage credential {STORAGE}"),
        ("POST .*/validate-credentials", f"cannot validate the storage credential {STORAGE}"),
        ("PATCH .*/external-locations/", f"cannot bind {LOCATION} to this workspace"),
        ("POST .*/secrets/put", "cannot store the secret pinterest/aws-access-key-id"),
    ],
)
def test_a_missing_right_is_one_line_that_says_whom_to_ask(person: Person, denied: str, words: str) -> None:
    person.uses(replace(trusting(), denied=denied))
    said = person.error("apply", *KEYS)
    assert words in said
    assert "request the privilege from an administrator of the metastore" in said
    person.workspace.denied = r"(?!)"
    person.run("apply", *KEYS)


def test_a_statement_that_fails_is_one_line(person: Person) -> None:
    person.patch.setattr(secrets, "WRITE", secrets.WRITE.replace("delta.columnMapping.mode", "delta.other"))
    person.uses(trusting())
    said = person.error("apply", *KEYS)
    assert f"cannot write the table {TABLE}: DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES" in said


def test_a_wrong_token_is_one_line_that_says_how_to_sign_in(person: Person) -> None:
    person.patch.setenv("DATABRICKS_TOKEN", "another")
    assert "databricks auth login" in person.error("check")


def test_nothing_to_sign_in_with_is_one_line(person: Person) -> None:
    person.patch.delenv("DATABRICKS_TOKEN")
    assert "databricks auth login" in person.error("check")


def test_a_principal_that_does_not_exist_is_one_line(person: Person) -> None:
    person.uses(replace(trusting(), principals=set()))
    assert f"Could not find principal with name {DEPLOYER}" in person.error("apply")


def test_a_rate_limit_is_waited_for_as_long_as_the_workspace_asks(person: Person) -> None:
    waits: list[float] = []
    person.patch.setattr("databricks.sdk.clock.RealClock.sleep", lambda _, seconds: waits.append(seconds))
    person.uses(replace(trusting(), limited=2))
    person.run("apply", *KEYS)
    assert len(waits) == 2
    assert min(waits) >= 7


def test_a_create_whose_answer_was_lost_is_no_name_taken(person: Person) -> None:
    person.patch.setattr("databricks.sdk.clock.RealClock.sleep", lambda *_: None)
    person.uses(replace(trusting(), lost="POST .*/credentials$"))
    person.run("apply")
    assert person.workspace.changes().count("POST /api/2.1/unity-catalog/credentials") == 3


def test_a_rate_limit_without_end_is_one_line(person: Person) -> None:
    clock = iter(range(0, 100_000, 50))
    person.patch.setattr("databricks.sdk.clock.RealClock.sleep", lambda *_: None)
    person.patch.setattr("databricks.sdk.clock.RealClock.time", lambda _: next(clock))
    person.uses(replace(trusting(), limited=10_000))
    assert "limits the rate of calls" in person.error("check")


def test_a_workspace_that_cannot_be_reached_is_one_line(person: Person) -> None:
    clock = iter(range(0, 100_000, 50))
    person.patch.setattr("databricks.sdk.clock.RealClock.sleep", lambda *_: None)
    person.patch.setattr("databricks.sdk.clock.RealClock.time", lambda _: next(clock))
    person.patch.setenv("DATABRICKS_HOST", "http://127.0.0.1:9")
    assert "cannot sign in to http://127.0.0.1:9" in person.error("check")


@pytest.mark.parametrize(
    ("settings", "more", "words"),
    [
        ({"BUNDLE_VAR_deployer": None}, (), "deployer is missing; give it as BUNDLE_VAR_deployer"),
        ({"BUNDLE_VAR_storage_credential": "a/b"}, (), "storage_credential cannot be 'a/b'"),
        ({}, ("--role-arn", "pinterest-databricks"), "expected the ARN of an IAM role in --role-arn"),
        ({}, ("--keys-table", TABLE), "--keys-table needs the keys"),
        ({}, ("--keys-from-environment", "--keys-table", "keys"), "expected --keys-table as CATALOG.SCHEMA.TABLE"),
        ({ENVIRONMENT[1]: None}, ("--keys-from-environment",), "one of them is missing"),
    ],
)
def test_a_value_that_cannot_be_is_one_line(
    person: Person, settings: Mapping[str, str | None], more: tuple[str, ...], words: str
) -> None:
    for name, value in settings.items():
        if value is None:
            person.patch.delenv(name)
        else:
            person.patch.setenv(name, value)
    assert words in person.error("check", *more)
    assert not person.workspace.calls


def test_nothing_is_changed_where_there_is_nobody_to_ask(person: Person) -> None:
    person.patch.setattr("sys.argv", ["x", "apply", "--target", "prod", "--role-arn", ROLE])
    with pytest.raises(SettingsError, match="give --yes"):
        person.script.main()
    assert person.workspace.changes() == []


@pytest.mark.usefixtures("person")
def test_the_stand_in_refuses_what_the_sdk_does_not_declare() -> None:
    body = {"name": "x", "purpose": "STORAGE", "aws_iam_role": {"role_arn": ROLE}, "skip_validation": True}
    calls = open_workspace().api_client
    for wrong in ({"colour": "red"}, {"purpose": "PARTY"}, {"aws_iam_role": {"role": ROLE}}, {"read_only": "yes"}):
        with pytest.raises(BadRequest):
            calls.do("POST", "/api/2.1/unity-catalog/credentials", body=body | wrong)
