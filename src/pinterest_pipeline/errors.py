"""The errors of this package: one base class, one subclass per cause."""


class PipelineError(Exception):
    """Base class: the message says what was expected, what was found and what to do."""


class SettingsError(PipelineError):
    """Raised when an argument or a setting cannot be used."""


class SourceError(PipelineError):
    """Raised when the source database or folder cannot be read."""


class PostError(PipelineError):
    """Raised when posting must stop; confirmed progress is kept and the next run resumes there."""


class StageError(PipelineError):
    """Raised when ingest, refine or publish fails."""
