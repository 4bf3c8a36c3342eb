"""What setting up a Databricks workspace raises."""

from pinterest_pipeline.errors import PipelineError


class WorkspaceError(PipelineError):
    """Raised when the Databricks workspace refuses, fails or cannot be reached."""
