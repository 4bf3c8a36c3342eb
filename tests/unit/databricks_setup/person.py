"""A user of scripts/set_up_workspace.py, and the workspaces at the start of the tests."""

from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

import pytest
from databricks.sdk.service import catalog

from pinterest_pipeline.console import run_script
from tests.unit.databricks_setup.fake_workspace import FakeWorkspace, WorkspaceServer, external_id

ROOT = Path(__file__).parents[3]
ROLE = "arn:aws:iam::123456789012:role/pinterest-databricks-us-east-1"
OTHER_ROLE = "arn:aws:iam::123456789012:role/other"
DEPLOYER, JOBS = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
BUCKET = "s3://pinterest-landing"
STORAGE, STREAMS, LOCATION = "pinterest-landing-reader", "pinterest-streams", "pinterest-landing"
KEY_ID, SECRET = "AKIAOFTHETEST", "secret/of+the+test"
TABLE = "main.pinterest.authentication_credentials"
VARIABLES = {
    "catalog": "main",
    "prefix": "pinterest",
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
    """Runs the script in a workspace, and returns its output."""

    script: ModuleType
    server: WorkspaceServer
    patch: pytest.MonkeyPatch
    screen: pytest.CaptureFixture[str]

    @property
    def workspace(self) -> FakeWorkspace:
        return self.server.workspace

    def uses(self, workspace: FakeWorkspace) -> None:
        self.server.workspace = workspace

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


def taken(
    purpose: catalog.CredentialPurpose = catalog.CredentialPurpose.STORAGE, role: str = OTHER_ROLE
) -> catalog.CredentialInfo:
    """A credential of somebody else, under the name of the storage credential."""
    identity = catalog.AwsIamRole("id", role, "arn")
    return catalog.CredentialInfo(name=STORAGE, owner="bob@example.com", purpose=purpose, aws_iam_role=identity)
