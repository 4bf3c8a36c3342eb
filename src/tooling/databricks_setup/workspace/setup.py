"""Brings a workspace to its wanted state: finds every gap, and closes those that a script can close."""

from collections.abc import Callable, Iterator, Sequence

from databricks.sdk import WorkspaceClient

from tooling.databricks_setup.workspace.bundled import catalog_gaps, location_gaps
from tooling.databricks_setup.workspace.credentials import credential_gaps, role_gaps
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.secrets import secret_gaps
from tooling.databricks_setup.workspace.wanted import Wanted

PARTS: Sequence[Callable[[WorkspaceClient, Wanted], Iterator[Gap]]] = (
    catalog_gaps,
    credential_gaps,
    role_gaps,
    location_gaps,
    secret_gaps,
)
"""In order: each depends on the ones before it."""


def find_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Compare the workspace with what is wanted, and change nothing.

    Args:
        workspace: The workspace.
        wanted: The wanted state.

    Raises:
        WorkspaceError: The workspace refuses or cannot be reached.
    """
    for part in PARTS:
        yield from part(workspace, wanted)


def apply(workspace: WorkspaceClient, wanted: Wanted, closed: Callable[[Gap], None]) -> list[Gap]:
    """Close every gap that a script can close, and change nothing else.

    A run that was cut off at any point is completed by the next one.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
        closed: Called after each gap that was closed.

    Returns:
        The steps left to the user, in order.

    Raises:
        WorkspaceError: The workspace refuses or cannot be reached; earlier changes stay.
    """
    left: list[Gap] = []
    for part in PARTS:
        for gap in part(workspace, wanted):
            if gap.repair:
                gap.repair()
                closed(gap)
            else:
                left.append(gap)
    return left
