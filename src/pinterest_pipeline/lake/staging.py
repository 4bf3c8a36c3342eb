"""Stages rows on disk while several queries use them: serverless compute has no cache for them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pyspark.sql import DataFrame

from pinterest_pipeline.lake.paths import literal_path

STAGED = "judged"
"""The folder of all staged rows, beside the checkpoints; an earlier version staged validated records only."""


@contextmanager
def staged(rows: DataFrame, folder: Path, name: str) -> Iterator[DataFrame]:
    """Compute rows once, and keep them in a folder while the block runs.

    Every attempt has a folder of its own: one that still runs after another has replaced it cannot overwrite that one's
    files. The folders hold records, so they are removed at the end; those of killed attempts are removed when the next
    one starts.

    Args:
        rows: The rows.
        folder: The folder of this task's attempts.
        name: The beginning of the attempt's name.

    Yields:
        The same rows, to be read as often as needed.
    """
    shutil.rmtree(folder, ignore_errors=True)
    attempt = folder / f"{name}-{uuid4().hex}"
    try:
        # Dictionaries make files smaller, and take a sixth of the time; these files are gone in a moment.
        rows.write.option("parquet.enable.dictionary", value=False).parquet(str(attempt))
        yield rows.sparkSession.read.schema(rows.schema).parquet(literal_path(str(attempt)))
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
