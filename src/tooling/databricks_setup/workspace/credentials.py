"""The credentials of Unity Catalog, in the two phases that the external id needs.

A credential has an external id only when it exists, and the role trusts nobody without that id. So the credential is
created without validation, the user adds the id to the role on AWS, and then a validation shows whether the role can be
assumed.
"""

from collections.abc import Iterator, Sequence

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, ResourceConflict
from databricks.sdk.service.catalog import (
    AwsIamRole,
    CredentialInfo,
    CredentialPurpose,
    ValidateCredentialResult,
)

from tooling.databricks_setup.errors import WorkspaceError
from tooling.databricks_setup.workspace.binding import ISOLATED, binding_gap, grant_gap
from tooling.databricks_setup.workspace.client import workspace_says
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.wanted import CredentialSpec, Wanted


def credential_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Compare each credential with what it should be.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
    """
    for spec in wanted.credentials:
        yield from _gaps(workspace, wanted, spec, _find(workspace, spec))


def role_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Validate each existing credential, and name the steps on AWS where Databricks cannot assume the role.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
    """
    pairs = [(spec, _find(workspace, spec)) for spec in wanted.credentials]
    found = [(spec, info) for spec, info in pairs if info and _role(info) == wanted.role]
    failures = [f"{spec.subject}: {why}" for spec, _ in found if (why := _failure(workspace, wanted, spec))]
    if not failures:
        return
    roles = [info.aws_iam_role for _, info in found if info.aws_iam_role]
    ids = ",".join(dict.fromkeys(role.external_id for role in roles if role.external_id))
    callers = " or ".join(dict.fromkeys(role.unity_catalog_iam_arn for role in roles if role.unity_catalog_iam_arn))
    principal = f" (principal there must be {callers})" if callers else ""
    yield Gap(
        f"role {wanted.role}",
        f"Databricks cannot use it yet ({'; '.join(failures)})",
        f'put external_id = "{ids}" under [databricks] in aws.toml{principal}, run `scripts/set_up_aws.py apply`, '
        "wait a minute for IAM to apply it, and run this again",
    )


def _comment(wanted: Wanted) -> str:
    return f"Deployment {wanted.values.prefix} of the Pinterest pipeline; made by scripts/set_up_workspace.py."


def _find(workspace: WorkspaceClient, spec: CredentialSpec) -> CredentialInfo | None:
    with workspace_says(f"read the {spec.subject}"):
        try:
            return workspace.credentials.get_credential(spec.name)
        except NotFound:
            return None


def _role(info: CredentialInfo) -> str | None:
    return info.aws_iam_role.role_arn if info.aws_iam_role else None


def _gaps(
    workspace: WorkspaceClient, wanted: Wanted, spec: CredentialSpec, info: CredentialInfo | None
) -> Iterator[Gap]:
    other_role = info is not None and _role(info) != wanted.role
    if info and (info.purpose is not spec.purpose or (other_role and info.comment != _comment(wanted))):
        yield _taken(spec, info)
        return
    if info is None:
        yield _missing(workspace, wanted, spec)
    else:
        yield from _changes(workspace, wanted, spec, info)
    yield from binding_gap(
        workspace,
        wanted.workspace_id,
        (spec.kind, spec.name),
        spec.subject,
        info.isolation_mode if info else None,
        lambda: workspace.credentials.update_credential(spec.name, isolation_mode=ISOLATED),
    )
    yield from grant_gap(workspace, wanted, spec, exists=info is not None)


def _taken(spec: CredentialSpec, info: CredentialInfo) -> Gap:
    purpose = info.purpose.value.lower() if info.purpose else "other"
    return Gap(
        spec.subject,
        f"the name is taken by a {purpose} credential of {info.owner} with the role {_role(info) or 'none'}",
        f"choose another name as BUNDLE_VAR_{spec.variable}",
    )


def _missing(workspace: WorkspaceClient, wanted: Wanted, spec: CredentialSpec) -> Gap:
    def repair() -> None:
        with workspace_says(f"create the {spec.subject}"):
            try:
                workspace.credentials.create_credential(
                    spec.name,
                    aws_iam_role=AwsIamRole(role_arn=wanted.role),
                    comment=_comment(wanted),
                    purpose=spec.purpose,
                    read_only=True if spec.purpose is CredentialPurpose.STORAGE else None,
                    # The role cannot have the id yet; `role_gaps` validates.
                    skip_validation=True,
                )
            except ResourceConflict as error:
                # Either a retried call whose first response was lost, or the name of an invisible credential.
                now = _find(workspace, spec)
                if now is None or _role(now) != wanted.role or now.purpose is not spec.purpose:
                    raise WorkspaceError(
                        f"cannot create the {spec.subject}: the name is taken in the metastore by a credential "
                        f"that this user cannot see; choose another name as BUNDLE_VAR_{spec.variable}"
                    ) from error

    return Gap(spec.subject, "missing", f"create it with the role {wanted.role}", repair)


def _changes(workspace: WorkspaceClient, wanted: Wanted, spec: CredentialSpec, info: CredentialInfo) -> Iterator[Gap]:
    if _role(info) != wanted.role:

        def change_role() -> None:
            with workspace_says(f"change the role of the {spec.subject}"):
                workspace.credentials.update_credential(
                    spec.name, aws_iam_role=AwsIamRole(role_arn=wanted.role), skip_validation=True
                )

        yield Gap(spec.subject, f"its role is {_role(info)}", f"change it to {wanted.role}", change_role)
    if spec.purpose is CredentialPurpose.STORAGE and not info.read_only:

        def protect() -> None:
            with workspace_says(f"make the {spec.subject} read-only"):
                workspace.credentials.update_credential(spec.name, read_only=True, skip_validation=True)

        yield Gap(spec.subject, "it may write", "make it read-only", protect)


def _failure(workspace: WorkspaceClient, wanted: Wanted, spec: CredentialSpec) -> str:
    """Return why a credential does not work; empty where it does."""
    storage = spec.purpose is CredentialPurpose.STORAGE
    with workspace_says(f"validate the {spec.subject}"):
        try:
            results = workspace.credentials.validate_credential(
                credential_name=spec.name,
                purpose=spec.purpose,
                # The location may exist already; named together with the URL, it does not count as an overlap.
                external_location_name=wanted.location if storage and _has_location(workspace, wanted) else None,
                url=wanted.values.landing_location if storage else None,
                read_only=True if storage else None,
            ).results
        except BadRequest as error:
            return " ".join(str(error).split())
    return _worst([(each.result, each.message) for each in results or []])


def _worst(results: Sequence[tuple[ValidateCredentialResult | None, str | None]]) -> str:
    failed = [message or "no reason given" for result, message in results if result is ValidateCredentialResult.FAIL]
    if failed:
        return " ".join(failed[0].split())
    passed = any(result is ValidateCredentialResult.PASS for result, _ in results)
    return "" if passed else "Databricks returned no result"


def _has_location(workspace: WorkspaceClient, wanted: Wanted) -> bool:
    try:
        workspace.external_locations.get(wanted.location)
    except NotFound:
        return False
    return True
