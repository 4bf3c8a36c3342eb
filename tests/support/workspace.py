"""The ways to Spark that tests may take, and what a workspace needs; nothing here imports Spark."""

from importlib import import_module
from importlib.util import find_spec

CONNECT, WORKSPACE = "connect", "workspace"
"""The ways to Spark other than the tests' own process."""

_SECONDS = 10  # the SDK requests the host's metadata, and continues without it


def lacking_of_a_workspace() -> str:
    """Return in one line what is missing for tests in a workspace; empty if nothing is."""
    # In the environment of databricks-connect alone.
    if find_spec("databricks.connect") is None:
        return "databricks-connect is not in this environment; run `make test-workspace`"
    try:
        config = import_module("databricks.sdk.core").Config(
            http_timeout_seconds=_SECONDS, retry_timeout_seconds=_SECONDS
        )
    except ValueError:
        return (
            "no workspace is configured; run `databricks auth login` and set DATABRICKS_CONFIG_PROFILE, or set "
            "DATABRICKS_HOST and what signs in there"
        )
    if not (config.cluster_id or config.serverless_compute_id):
        return "no compute is configured; set DATABRICKS_CLUSTER_ID, or DATABRICKS_SERVERLESS_COMPUTE_ID=auto"
    return ""
