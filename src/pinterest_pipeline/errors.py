"""Every error this package raises on purpose: one base class, one subclass a kind of trouble."""


class PipelineError(Exception):
    """Base class: the message says what was expected, what came and what to do."""


class SettingsError(PipelineError):
    """Raised when something a person typed or configured cannot be used."""


class SourceError(PipelineError):
    """Raised when the source database or folder cannot be read."""


class PostError(PipelineError):
    """Raised when posting must stop; what was confirmed so far is kept and a new run resumes there."""


class StageError(PipelineError):
    """Raised when ingest, refine or publish cannot do its work."""
