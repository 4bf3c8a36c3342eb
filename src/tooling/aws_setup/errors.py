"""What setting up AWS raises."""

from pinterest_pipeline.errors import PipelineError


class AwsError(PipelineError):
    """Raised when AWS refuses, fails or lacks what a deployment needs."""
