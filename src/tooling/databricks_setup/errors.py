"""The errors of setting up a Databricks workspace."""

from pinterest_pipeline.errors import PipelineError


class WorkspaceError(PipelineError):
    """Raised when the Databricks workspace refuses, fails or cannot be reached."""
