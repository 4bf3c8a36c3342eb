"""Stages a validated batch, so that counts, quarantine and clean use one result."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pyspark.sql import Column, DataFrame, Observation

from pinterest_pipeline.entities import Entity
from pinterest_pipeline.lake.checkpoints import Batch
from pinterest_pipeline.lake.runs import Counts
from pinterest_pipeline.lake.staging import STAGED, staged


def staging_of(checkpoints: Path, queries: str, entity: Entity) -> Path:
    """Return the folder of one query's staged batches.

    Args:
        checkpoints: The folder of all checkpoints.
        queries: The folder of the query's checkpoint in it.
        entity: The entity of the query's records.
    """
    return checkpoints / STAGED / queries / entity.name


@contextmanager
def staged_batch(rows: DataFrame, folder: Path, batch: Batch, rejected: Column) -> Iterator[tuple[DataFrame, Counts]]:
    """Compute the rows of a batch once, keep them while the block runs, and count them on the way.

    What earlier attempts of the query have left is removed first: one that still runs has lost the checkpoint.

    Args:
        rows: The batch's validated rows.
        folder: The query's staging folder.
        batch: The batch.
        rejected: Whether a row is rejected.

    Yields:
        The same rows, to be read as often as needed, and their counts.
    """
    shutil.rmtree(folder, ignore_errors=True)
    passed = Observation()
    with staged(rows.observe(passed, *Counts.columns(rejected)), folder, f"{batch.number:010d}") as kept:
        yield kept, Counts.of(passed.get)
