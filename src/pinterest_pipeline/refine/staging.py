"""A judged batch on disk, for as long as it is being written to the tables.

Counts, quarantine and clean come from one result, and serverless compute has no cache to keep it in.
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
"""The folder of all judged batches, beside the checkpoints."""


def staging_of(checkpoints: Path, queries: str, entity: Entity) -> Path:
    """Return the folder of one query's judged batches.

    Args:
        checkpoints: The folder of all checkpoints.
        queries: The folder of the query's checkpoint in it.
        entity: What the query's records are.
    """
    return checkpoints / STAGED / queries / entity.name


@contextmanager
def staged(rows: DataFrame, folder: Path, batch: Batch, rejected: Column) -> Iterator[tuple[DataFrame, Counts]]:
    """Compute the rows of a batch once, and keep them in a folder while the block runs.

    Every attempt has a folder of its own: one that is still alive although another has taken its place cannot
    overwrite what that one reads. They hold records, so they are removed at the end, and what attempts that were killed
    left goes when the next batch begins.

    Args:
        rows: The batch's rows, judged.
        folder: The query's folder for this.
        batch: The batch.
        rejected: Whether a row is rejected.

    Yields:
        The same rows, to be read as often as needed, and their counts.
    """
    shutil.rmtree(folder, ignore_errors=True)
    attempt = folder / f"{batch.number:010d}-{uuid4().hex}"
    passed = Observation()
    try:
        rows.observe(passed, *Counts.columns(rejected)).write.parquet(str(attempt))
        yield rows.sparkSession.read.schema(rows.schema).parquet(literal_path(str(attempt))), Counts.of(passed.get)
    finally:
        shutil.rmtree(attempt, ignore_errors=True)
