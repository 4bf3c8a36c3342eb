"""The errors of the data source: one base class, one subclass per cause.

In a query Spark wraps them: its own error names the class and holds the message.
"""


class KinesisSourceError(Exception):
    """Base class: the message says what was expected, what was found and what to do."""


class OptionError(KinesisSourceError):
    """Raised when an option, a setting of Spark or a schema cannot be used."""


class CheckpointError(KinesisSourceError):
    """Raised when a checkpoint belongs to other streams or another version, or is damaged."""


class DataLossError(KinesisSourceError):
    """Raised when records may have expired before they were read; failOnDataLoss=false continues without them."""


class ServiceError(KinesisSourceError):
    """Raised when AWS refuses a call, does not answer it, or has no such stream."""
