"""scripts/set_up_workspace.py against a stand-in for a workspace that refuses whatever the SDK does not declare."""

import importlib.util
import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
import yaml
from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest
from databricks.sdk.service import catalog

from pinterest_pipeline.console import run_script
from pinterest_pipeline.deploy.values import read_bundle, target_values
from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.ingest.aws_keys import AwsKeys
from pinterest_pipeline.workspace import secrets
from pinterest_pipeline.workspace.client import open_workspace
from pinterest_pipeline.workspace.keys import ENVIRONMENT
from pinterest_pipeline.workspace.setup import apply
from pinterest_pipeline.workspace.wanted import LegacyKeys, wanted
from tests.unit.fake_workspace import HERE, KNOWN, ME, FakeWorkspace, external_id, workspace_server

ROOT = Path(__file__).parents[2]
ROLE = "arn:aws:iam::123456789012:role/pinterest-databricks-us-east-1"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DEPLOYER, JOBS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
BUCKET = "s3://pinterest-landing"
STORAGE, STREAMS, LOCATION = "pinterest-landing-reader", "pinterest-streams", "pinterest-landing"
KEY_ID, SECRET = "AKIAOFTHETEST", "secret/of+the+test"
TABLE = "main.pinterest.authentication_credentials"
VARIABLES = {
    "landing_location": BUCKET,
    "storage_credential": STORAGE,
    "kinesis_access": STREAMS,
    "deployer": DEPLOYER,
    "job_principal": JOBS,
    "warehouse_id": "0123456789abcdef",
}
KEYS = ("--keys-from-environment", "--keys-table", TABLE)


@dataclass
class Person:
    """Runs the script in a workspace, and reads what it says."""

    script: ModuleType
    server: object
    patch: pytest.MonkeyPatch
    screen: pytest.CaptureFixture[str]

    @property
    def workspace(self) -> FakeWorkspace:
        found: FakeWorkspace = self.server.workspace  # type: ignore[attr-defined]
        return found

    def uses(self, workspace: FakeWorkspace) -> None:
        self.server.workspace = workspace  # type: ignore[attr-defined]

    def run(self, command: str, *more: str, code: int = 0, target: str = "prod") -> str:
        yes = ("--yes",) if command == "apply" else ()
        words = ["set_up_workspace.py", command, "--target", target, "--role-arn", ROLE, *yes, *more]
        self.patch.setattr("sys.argv", words)
        with pytest.raises(SystemExit) as ended:
            run_script(self.script.main)
        said = "".join(self.screen.readouterr())
        assert SECRET not in said
        assert ended.value.code == code, said
        return said

    def error(self, command: str, *more: str) -> str:
        said = self.run(command, *more, code=2)
        errors = [line for line in said.splitlines() if not line.startswith(("target ", "done: "))]
        assert len(errors) == 1
        assert errors[0].startswith("error: ")
        return errors[0]


@pytest.fixture(scope="module")
def server() -> Iterator[object]:
    with workspace_server() as server:
        yield server


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("set_up_workspace", ROOT / "scripts" / "set_up_workspace.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # Parsed once for all tests.
    bundle = read_bundle(ROOT)
    module.read_bundle = lambda _: bundle  # type: ignore[attr-defined]
    return module


@pytest.fixture
def person(
    server: object, script: ModuleType, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Person:
    port = server.server_address[1]  # type: ignore[attr-defined]
    settings = {
        "DATABRICKS_HOST": f"http://127.0.0.1:{port}",
        "DATABRICKS_TOKEN": KNOWN,
        "DATABRICKS_CONFIG_FILE": "/nowhere",
        "NO_PROXY": "127.0.0.1",
        ENVIRONMENT[0]: KEY_ID,
        ENVIRONMENT[1]: SECRET,
        **{f"BUNDLE_VAR_{name}": value for name, value in VARIABLES.items()},
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(secrets, "_POLL_SECONDS", 0)
    person = Person(script, server, monkeypatch, capsys)
    person.uses(empty())
    return person


def empty() -> FakeWorkspace:
    return FakeWorkspace(principals={DEPLOYER, JOBS})


def trusting() -> FakeWorkspace:
    """A workspace whose role is ready, and whose bundle is deployed."""
    location = catalog.ExternalLocationInfo(
        name=LOCATION, url=BUCKET, credential_name=STORAGE, isolation_mode=catalog.IsolationMode.ISOLATION_MODE_OPEN
    )
    return replace(
        empty(),
        trusted={external_id(STORAGE), external_id(STREAMS)},
        locations={LOCATION: location},
        scopes={"pinterest": {}},
    )


def taken(**differences: object) -> catalog.CredentialInfo:
    info = catalog.CredentialInfo(
        name=STORAGE,
        owner="bob@example.com",
        purpose=catalog.CredentialPurpose.STORAGE,
        aws_iam_role=catalog.AwsIamRole("id", OTHER_ROLE, "arn"),
    )
    return replace(info, **differences)  # type: ignore[arg-type]


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
    assert "as it should be" in person.run("apply", *KEYS)
    assert "as it should be" in person.run("check", *KEYS)
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
    """Return the call, which ends the process before or after it was made so many times."""
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


@pytest.mark.parametrize("command", ["plan", "apply", "check"])
def test_a_name_taken_by_somebody_else_is_left_alone(person: Person, command: str) -> None:
    person.uses(replace(trusting(), credentials={STORAGE: taken()}))
    said = person.run(command, code=0 if command == "plan" else 1)
    assert f"the name is taken by a storage credential of bob@example.com with the role {OTHER_ROLE}" in said
    assert "BUNDLE_VAR_storage_credential" in said
    assert person.workspace.credentials[STORAGE] == taken()


def test_a_service_credential_of_the_name_is_not_made_a_storage_credential(person: Person) -> None:
    info = taken(purpose=catalog.CredentialPurpose.SERVICE, aws_iam_role=catalog.AwsIamRole("id", ROLE, "arn"))
    person.uses(replace(trusting(), credentials={STORAGE: info}))
    assert "taken by a service credential" in person.run("check", code=1)


def test_a_name_that_is_taken_out_of_sight_is_one_line(person: Person) -> None:
    person.uses(replace(trusting(), credentials={STORAGE: taken()}, out_of_sight={STORAGE}))
    assert "taken in the metastore by somebody else's" in person.error("apply")


def test_an_external_location_of_somebody_else_is_left_alone(person: Person) -> None:
    other = catalog.ExternalLocationInfo(name=LOCATION, url="s3://other", credential_name="x", owner="bob@example.com")
    person.uses(replace(trusting(), locations={LOCATION: other}))
    assert "it is s3://other by x of bob@example.com, expected" in person.run("apply", code=1)
    assert person.workspace.locations == {LOCATION: other}


def test_a_table_of_somebody_else_is_left_alone(person: Person) -> None:
    info = catalog.TableInfo(full_name=TABLE, columns=[catalog.ColumnInfo(name="id")], owner="bob@example.com")
    person.uses(replace(trusting(), tables={TABLE: (info, [])}))
    assert "taken by something else of bob@example.com" in person.run("apply", *KEYS, code=1)
    assert person.workspace.tables == {TABLE: (info, [])}


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
    assert "ask an administrator of the metastore" in said
    person.workspace.denied = r"(?!)"
    person.run("apply", *KEYS)


def test_a_secret_that_may_be_written_and_not_read_is_written(person: Person) -> None:
    person.uses(replace(trusting(), denied="GET .*/secrets/get"))
    person.run("apply", "--keys-from-environment")
    assert person.workspace.scopes["pinterest"]["aws-secret-access-key"] == SECRET


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
