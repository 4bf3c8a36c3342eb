"""The states of a DAG run, by task (the empty name is the run itself), and its calls to the workspace."""

from tests.airflow.workspace import Workspace

ALL_WELL = {"run": "success", "stop": "success", "": "success"}
FAILED_FOR_GOOD = {"run": "failed", "stop": "success", "": "failed"}


def tokens(workspace: Workspace) -> list[str]:
    """Return the idempotency token of each call that asked for a run."""
    return [payload["idempotency_token"] for payload in workspace.called("jobs/run-now")]
