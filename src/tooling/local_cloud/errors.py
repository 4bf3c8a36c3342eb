"""The local cloud's errors."""

from pinterest_pipeline.errors import PipelineError


class LocalCloudError(PipelineError):
    """Raised when a part of the local cloud cannot be started or stops on its own."""
