"""Stages a validated batch on disk while it is written to the tables.

Counts, quarantine and clean use one result, and serverless compute has no cache for it.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from pyspark.sql import Column, DataFrame, Observation

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.lake.checkpoints import Batch
from pinterest_pipeline.lake.paths import literal_path
from pinterest_pipeline.lake.runs import Counts

STAGED = "judged"
"""The folder of all staged batches, beside the checkpoints."""


def staging_of(checkpoints: Path, queries: str, entity: Entity) -> Path:
    """Return the folder of one query's staged batches.

    Args:
        checkpoints: The folder of all checkpoints.
        queries: The folder of the query's checkpoint in it.
        entity: The entity of the query's records.
    """
    return checkpoints / STAGED / queries / entity.name


@contextmanager
def staged(rows: DataFrame, folder: Path, batch: Batch, rejected: Column) -> Iterator[tuple[DataFrame, Counts]]:
    """Compute the rows of a batch once, and keep them in a folder while the block runs.

    Every attempt has a folder of its own: one that still runs after another has replaced it cannot overwrite that one's
    files. The folders hold records, so they are removed at the end; those of killed attempts are removed when the next
    batch starts.

    Args:
        rows: The batch's validated rows.
        folder: The query's staging folder.
        batch: The batch.
        rejected: Whether a row is rejected.

    Yields:
        The same rows, to be read as often as needed, and their counts.
    """
    shutil.rmtree(folder, ignore_errors=True)
    attempt = folder / f"{batch.number:010d}-{uuid4().hex}"
    passed = Observation()
    try:
        counted = rows.observe(passed, *Counts.columns(rejected))
        # Dictionaries make files smaller, and take a sixth of the time; these files are gone in a moment.
        counted.write.option("parquet.enable.dictionary", value=False).parquet(str(attempt))
        yield rows.sparkSession.read.schema(rows.schema).parquet(literal_path(str(attempt))), Counts.of(passed.get)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
