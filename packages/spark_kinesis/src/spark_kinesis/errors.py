"""What the data source raises."""


class KinesisSourceError(Exception):
    """Raised when the data source `kinesis` cannot read as it was told to, or would lose records."""
