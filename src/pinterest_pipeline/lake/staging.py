"""Stages rows on disk while several queries use them: serverless compute has no cache for them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pyspark.sql import DataFrame

from pinterest_pipeline.lake.paths import literal_path

STAGED = "judged"
"""The folder of all staged rows, beside the checkpoints. Named when it held validated records only: under another name
`erase` would miss what that version left."""


@contextmanager
def staged(rows: DataFrame, folder: Path, name: str) -> Iterator[DataFrame]:
    """Compute rows once, and keep them in a folder while the block runs.

    Every attempt has a folder of its own: one that still runs after another has replaced it cannot overwrite that one's
    files. The folders hold records, so they are removed at the end; who stages removes those of its killed
    attempts.

    Args:
        rows: The rows.
        folder: The folder of all attempts of one task.
        name: The beginning of the attempt's name.

    Yields:
        The same rows, to be read as often as needed.
    """
    attempt = folder / f"{name}-{uuid4().hex}"
    try:
        # Dictionaries make files smaller, and take a sixth of the time; these files are gone in a moment.
        rows.write.option("parquet.enable.dictionary", value=False).parquet(str(attempt))
        yield rows.sparkSession.read.schema(rows.schema).parquet(literal_path(str(attempt)))
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
