"""Migrations of existing rows after an upgrade, each kept for one version."""

from pyspark.sql import Column, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import Rule
from pinterest_pipeline.lake.queries import retry_on_conflict

_RECORD = ("origin", "position", "batch_id")
_NUMBER = "-?[0-9]+([.][0-9]+)?"


def fill_rejections(spark: SparkSession, quarantine: str) -> None:
    """Fill the column `rejections` from the sentences in `reasons` where it is NULL; if none is, write nothing.

    It runs on each call of `create_tables`: a stream of the earlier version may still be writing sentences only.

    Args:
        spark: The session.
        quarantine: The full name of a quarantine table.
    """
    lacking = spark.table(quarantine).where(sf.col("rejections").isNull())
    if lacking.isEmpty():
        return
    filled = lacking.select(*_RECORD, sf.transform("reasons", rejection_of).alias("rejections")).alias("filled")
    same = [sf.col(f"filled.{name}") == sf.col(f"{quarantine}.{name}") for name in _RECORD]
    merge = filled.mergeInto(quarantine, same[0] & same[1] & same[2])
    merge = merge.whenMatched().update({"rejections": sf.col("filled.rejections")})
    retry_on_conflict(merge.merge)


def rejection_of(reason: Column) -> Column:
    """Return the struct of rule, column and text for a sentence of the earlier version."""
    message = sf.substring(reason, sf.instr(reason, ": ") + 2, sf.length(reason))
    rule = (
        sf.when(message == "a field is there more than once", Rule.REPEATED_FIELD)
        .when(message == "the key is missing", Rule.MISSING_KEY)
        .when(message == "the field is missing", Rule.MISSING_FIELD)
        .when(sf.startswith(message, sf.lit("expected one JSON object, got ")), Rule.NOT_ONE_OBJECT)
        .when(sf.startswith(message, sf.lit("expected one of ")), Rule.NOT_ALLOWED)
        .when(message.rlike(f"^expected {_NUMBER} to {_NUMBER}, got "), Rule.OUT_OF_RANGE)
        .otherwise(Rule.WRONG_KIND)
    )
    column = sf.substring_index(reason, ": ", 1)
    return sf.struct(rule.alias("rule"), column.alias("column"), reason.alias("text"))
