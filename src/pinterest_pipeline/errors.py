"""Every error this package raises on purpose: one base class, one subclass a kind of trouble."""


class PipelineError(Exception):
    """Base class: the message says what was expected, what came and what to do."""


class SettingsError(PipelineError):
    """Raised when something a person typed or configured cannot be used."""


class SourceError(PipelineError):
    """Raised when the source database or folder cannot be read."""


class PostError(PipelineError):
    """Raised when posting must stop; what was confirmed so far is kept and a new run resumes there."""


class LocalCloudError(PipelineError):
    """Raised when a part of the local cloud cannot be started or stops on its own."""


class StageError(PipelineError):
    """Raised when ingest, refine or publish cannot do its work."""


class KinesisSourceError(PipelineError):
    """Raised when the data source `kinesis` cannot read as it was told to, or would lose records."""


class AwsError(PipelineError):
    """Raised when AWS refuses, fails or lacks what a deployment needs."""


class WorkspaceError(PipelineError):
    """Raised when the Databricks workspace refuses, fails or cannot be reached."""
