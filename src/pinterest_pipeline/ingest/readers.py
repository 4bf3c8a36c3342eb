"""How new files are found; the name is an argument of the task `ingest`."""

from enum import StrEnum


class Reader(StrEnum):
    """How new files are found."""

    AUTO_LOADER = "auto_loader"
    """Databricks' reader: it tracks files in RocksDB and scales to millions of files."""
    FILES = "files"
    """Spark's reader, for everywhere else."""
