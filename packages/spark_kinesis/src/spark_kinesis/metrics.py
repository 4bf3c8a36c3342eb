"""Metrics of what a query read from each shard; a Python source cannot report them in the query's progress."""

from dataclasses import replace
from typing import TYPE_CHECKING

from pyspark.accumulators import Accumulator, AccumulatorParam

from spark_kinesis.progress import Progress

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


class _Sum(AccumulatorParam[Progress]):
    """Sums what tasks read; keeps the last reported lag."""

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
    """Collects, on the driver, the progress of the tasks of queries.

    Args:
        spark: A classic session: Spark Connect has no accumulators.
    """

    def __init__(self, spark: "SparkSession") -> None:
        """Create a meter with no progress."""
        nothing: Progress = {}
        self.accumulator: Accumulator[Progress] = spark.sparkContext.accumulator(nothing, _Sum())

    def take(self) -> Progress:
        """Return what was read since the last call; after a batch, in `foreachBatch`, that is the batch."""
        taken = self.accumulator.value
        self.accumulator.value = {}
        return taken
