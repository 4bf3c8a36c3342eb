"""Objects of the bundle and of an administrator that this setup depends on."""

from collections.abc import Callable, Iterator
from typing import TypeVar

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import NotFound

from tooling.databricks_setup.workspace.binding import ISOLATED, binding_gap
from tooling.databricks_setup.workspace.client import workspace_says
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.wanted import Wanted

Found = TypeVar("Found")


def catalog_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Find out whether the catalog exists.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
    """
    name = wanted.values.catalog
    if _find(workspace.catalogs.get, name, "catalog") is None:
        yield Gap(f"catalog {name}", "missing", "create it, or give another as BUNDLE_VAR_catalog")


def location_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Compare the bundle's external location with the target's values, and bind it to the workspace.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
    """
    values, name = wanted.values, wanted.location
    if not values.storage_credential:
        return
    found = _find(workspace.external_locations.get, name, "external location")
    if found is None:
        fix = f"deploy the bundle once the role can be used: make deploy TARGET={wanted.target}; then run this again"
        yield Gap(f"external location {name}", "missing", fix)
        return
    if ((found.url or "").rstrip("/"), found.credential_name) != (values.landing_location, values.storage_credential):
        yield Gap(
            f"external location {name}",
            f"it is {found.url} by {found.credential_name} of {found.owner}, "
            f"expected {values.landing_location} by {values.storage_credential}",
            f"if it belongs to this deployment, deploy the bundle: make deploy TARGET={wanted.target}; "
            "else choose another prefix",
        )
        return
    yield from binding_gap(
        workspace,
        wanted.workspace_id,
        ("external_location", name),
        f"external location {name}",
        found.isolation_mode,
        lambda: workspace.external_locations.update(name, isolation_mode=ISOLATED),
    )


def _find(get: Callable[[str], Found], name: str, kind: str) -> Found | None:
    with workspace_says(f"read the {kind} {name}"):
        try:
            return get(name)
        except NotFound:
            return None
