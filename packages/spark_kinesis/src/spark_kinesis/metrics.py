"""What a query read of each shard. A Python source has no place in a query's progress: a meter collects it."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.accumulators import Accumulator, AccumulatorParam

from spark_kinesis.progress import Progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class _Sum(AccumulatorParam[Progress]):
    """Adds up what tasks read; of how far they are behind the last word counts."""

    def zero(self, value: Progress) -> Progress:
        return type(value)()

    def addInPlace(self, value1: Progress, value2: Progress) -> Progress:
        total = dict(value1)
        for key, new in value2.items():
            old = total.get(key)
            total[key] = (
                new if old is None else replace(new, records=old.records + new.records, bytes=old.bytes + new.bytes)
            )
        return total


class Meter:
    """Collects, on the driver, what the tasks of queries read.

    Args:
        spark: A classic session: Spark Connect has no accumulators.
    """

    def __init__(self, spark: "SparkSession") -> None:
        """Start at nothing."""
        nothing: Progress = {}
        self.accumulator: Accumulator[Progress] = spark.sparkContext.accumulator(nothing, _Sum())

    def take(self) -> Progress:
        """Return what was read since it was last asked; after a batch, in `foreachBatch`, that is the batch."""
        taken = self.accumulator.value
        self.accumulator.value = {}
        return taken
