"""Brings a workspace to what is wanted: finds every gap, and closes what a script can close."""

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
"""Each needs what those before it have made."""


def find_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Compare the workspace with what is wanted, and change nothing.

    Args:
        workspace: The workspace.
        wanted: What is wanted.

    Raises:
        WorkspaceError: The workspace refuses or cannot be reached.
    """
    for part in PARTS:
        yield from part(workspace, wanted)


def apply(workspace: WorkspaceClient, wanted: Wanted, closed: Callable[[Gap], None]) -> list[Gap]:
    """Close every gap that a script can close; what is as it should be is left alone.

    A run that was cut off at any point is completed by the next one.

    Args:
        workspace: The workspace.
        wanted: What is wanted.
        closed: Is called after each gap that was closed.

    Returns:
        What is left for a person to do, in the order in which to do it.

    Raises:
        WorkspaceError: The workspace refuses or cannot be reached; what was done before stays.
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
