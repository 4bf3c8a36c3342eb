"""The wanted state of a workspace, from the values of a bundle target and from the command line."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import CredentialPurpose, Privilege
from pydantic import BaseModel, ConfigDict, ValidationError

from pinterest_pipeline.errors import SettingsError
from pinterest_pipeline.ingest.legacy_mount.aws_keys import AwsKeys
from tooling.databricks_setup.bundle.rules import Bucket, Name, NameOrEmpty, Prefix, Principal
from tooling.databricks_setup.workspace.client import workspace_says

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/\S+")
_TABLE = re.compile(r"[^\s./`]+\.[^\s./`]+\.[^\s./`]+")
_CURRENT_USER = "${workspace.current_user.userName}"


class Values(BaseModel):
    """The bundle's variables that are used here; databricks.yml describes them."""

    model_config = ConfigDict(frozen=True)

    catalog: Name
    prefix: Prefix
    landing_location: Bucket
    storage_credential: NameOrEmpty
    kinesis_access: NameOrEmpty
    deployer: Principal
    job_principal: Principal
    warehouse_id: str = ""


@dataclass(frozen=True)
class CredentialSpec:
    """One credential of Unity Catalog.

    Attributes:
        variable: The bundle's variable that names it.
        name: Its name.
        purpose: Whether it is for a bucket or the streams.
        principal: The principal that uses it.
        privilege: The privilege that the principal needs.
    """

    variable: str
    name: str
    purpose: CredentialPurpose
    principal: str
    privilege: Privilege

    @property
    def kind(self) -> str:
        """Its type in grants and bindings."""
        return "storage_credential" if self.purpose is CredentialPurpose.STORAGE else "credential"

    @property
    def subject(self) -> str:
        """What it is called in messages."""
        return f"{self.purpose.value.lower()} credential {self.name}"


@dataclass(frozen=True)
class LegacyKeys:
    """The keys of the legacy DBFS mount, and their destination.

    Attributes:
        pair: The keys.
        table: Full name of the Delta table for them; empty for the secret scope only.
    """

    pair: AwsKeys
    table: str = ""


@dataclass(frozen=True)
class Wanted:
    """Everything that one target needs and its bundle does not create.

    Attributes:
        target: The bundle's target.
        values: The values of its variables.
        role: ARN of the AWS role that the credentials assume; empty where there is no credential.
        user: The current user.
        workspace_id: The workspace that credentials and location are bound to.
        keys: The keys of the legacy mount; None where there is none.
    """

    target: str
    values: Values
    role: str
    user: str
    workspace_id: int
    keys: LegacyKeys | None = None

    @property
    def credentials(self) -> tuple[CredentialSpec, ...]:
        """The credentials that the target's variables name."""
        values = self.values
        storage = CredentialSpec(
            "storage_credential",
            values.storage_credential,
            CredentialPurpose.STORAGE,
            values.deployer,
            Privilege.CREATE_EXTERNAL_LOCATION,
        )
        service = CredentialSpec(
            "kinesis_access", values.kinesis_access, CredentialPurpose.SERVICE, values.job_principal, Privilege.ACCESS
        )
        return tuple(each for each in (storage, service) if each.name)

    @property
    def location(self) -> str:
        """Name of the external location, as resources/landing.external_location.yml has it."""
        return f"{self.values.prefix}-landing"


def wanted(
    workspace: WorkspaceClient, target: str, values: Mapping[str, Any], role: str | None, keys: LegacyKeys | None
) -> Wanted:
    """Validate the wanted state, and look up the current user and workspace.

    Args:
        workspace: The workspace.
        target: The bundle's target.
        values: The values of its variables.
        role: ARN of the AWS role.
        keys: The keys of the legacy mount.

    Raises:
        SettingsError: A value is missing or invalid.
        WorkspaceError: The workspace does not know the caller.
    """
    checked = _checked(values)
    if (checked.storage_credential or checked.kinesis_access) and not _ROLE.fullmatch(role or ""):
        raise SettingsError(
            f"expected the ARN of an IAM role in --role-arn, got {role or 'nothing'}; "
            "`scripts/set_up_aws.py status` shows it as DatabricksRoleArn"
        )
    if checked.storage_credential and not checked.landing_location:
        raise SettingsError(
            "storage_credential is given and landing_location is empty; give both, or neither as in dev"
        )
    if keys and keys.table and not _TABLE.fullmatch(keys.table):
        raise SettingsError(f"expected --keys-table as CATALOG.SCHEMA.TABLE, got {keys.table!r}")
    if keys and keys.table and not checked.warehouse_id:
        raise SettingsError("--keys-table needs a SQL warehouse; give its ID as BUNDLE_VAR_warehouse_id")
    with workspace_says(f"sign in to {workspace.config.host}"):
        user = workspace.current_user.me().user_name or ""
        workspace_id = workspace.get_workspace_id()
    known = {name: value.replace(_CURRENT_USER, user) for name, value in checked if isinstance(value, str)}
    return Wanted(target, checked.model_copy(update=known), role or "", user, workspace_id, keys)


def _checked(values: Mapping[str, Any]) -> Values:
    try:
        return Values.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = first["loc"][0]
        what = "is missing" if first["type"] == "missing" else f"cannot be {first['input']!r}: {first['msg']}"
        raise SettingsError(f"{name} {what}; give it as BUNDLE_VAR_{name}, as databricks.yml describes") from error
