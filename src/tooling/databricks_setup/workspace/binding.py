"""Access to a securable: the workspaces that it is bound to, and the grant that its user needs."""

from collections.abc import Callable, Iterator

from databricks.sdk import WorkspaceClient
from databricks.sdk.service.catalog import (
    IsolationMode,
    PermissionsChange,
    Privilege,
    WorkspaceBinding,
    WorkspaceBindingBindingType,
)

from tooling.databricks_setup.workspace.client import workspace_says
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.wanted import CredentialSpec, Wanted

ISOLATED = IsolationMode.ISOLATION_MODE_ISOLATED


def binding_gap(
    workspace: WorkspaceClient,
    workspace_id: int,
    securable: tuple[str, str],
    subject: str,
    mode: IsolationMode | None,
    isolate: Callable[[], object],
) -> Iterator[Gap]:
    """Find out whether a securable is bound to this workspace; its other bindings are kept.

    Args:
        workspace: The workspace.
        workspace_id: Its ID.
        securable: Type and name.
        subject: Its name in messages.
        mode: Its isolation mode; None where it has none yet.
        isolate: Makes it accessible from bound workspaces only.
    """
    kind, name = securable

    def bound() -> bool:
        with workspace_says(f"read the workspaces of {name}"):
            found = workspace.workspace_bindings.get_bindings(kind, name)
            return any(each.workspace_id == workspace_id for each in found)

    def repair() -> None:
        # In this order: bindings belong to isolated securables, and Unity Catalog may create the first one itself.
        if mode is not ISOLATED:
            with workspace_says(f"bind {name} to this workspace"):
                isolate()
        if not bound():
            binding = WorkspaceBinding(workspace_id, WorkspaceBindingBindingType.BINDING_TYPE_READ_WRITE)
            with workspace_says(f"bind {name} to this workspace"):
                workspace.workspace_bindings.update_bindings(kind, name, add=[binding])

    if mode is not ISOLATED:
        problem = "accessible from every workspace of the metastore"
    elif not bound():
        problem = "bound to other workspaces only"
    else:
        return
    yield Gap(subject, problem, f"bind it to workspace {workspace_id}", repair)


def grant_gap(workspace: WorkspaceClient, wanted: Wanted, spec: CredentialSpec, *, exists: bool) -> Iterator[Gap]:
    """Find out whether a credential's user has the privilege; its owner needs no grant.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
        spec: The credential.
        exists: Whether it exists; a new one has no grants.
    """
    if spec.principal == wanted.user or (exists and spec.privilege in _privileges(workspace, spec)):
        return

    def repair() -> None:
        with workspace_says(f"grant {privilege} on {spec.name} to {spec.principal}"):
            change = PermissionsChange(add=[spec.privilege], principal=spec.principal)
            workspace.grants.update(spec.kind, spec.name, changes=[change])

    privilege = spec.privilege.value.replace("_", " ")
    yield Gap(spec.subject, f"{spec.principal} lacks {privilege} on it", f"grant it {privilege}", repair)


def _privileges(workspace: WorkspaceClient, spec: CredentialSpec) -> set[Privilege]:
    found: set[Privilege] = set()
    token = None
    with workspace_says(f"read the grants on {spec.name}"):
        while True:
            page = workspace.grants.get(spec.kind, spec.name, max_results=0, page_token=token, principal=spec.principal)
            for each in page.privilege_assignments or []:
                found |= set(each.privileges or []) if each.principal == spec.principal else set()
            token = page.next_page_token
            if not token:
                return found
