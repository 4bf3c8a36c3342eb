"""Erases a person from the lake: rows, quarantined texts, answers, old versions and their values in Delta's log.

Data outside the lake (landed files, Kafka, Kinesis, the source database) must be erased first, or the next run
ingests the person again (docs/erasure.md).
"""

import logging
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial, reduce
from operator import and_

import pyarrow as pa
from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, USER, Entity
from pinterest_pipeline.errors import StageError
from pinterest_pipeline.ingest.kinesis import NO_TEXT
from pinterest_pipeline.lake.checkpoints import folder
from pinterest_pipeline.lake.concurrency import concurrently
from pinterest_pipeline.lake.frames import frame_of
from pinterest_pipeline.lake.queries import retry_on_conflict
from pinterest_pipeline.lake.staging import STAGED
from pinterest_pipeline.lake.tables import RAW, RETENTION, Lake, Origin, literal
from pinterest_pipeline.maintenance.upkeep import purge, tables_with_records
from pinterest_pipeline.publish.publishing import publish
from pinterest_pipeline.refine.merging import IDENTITY, delete_records, is_rejected, refine
from pinterest_pipeline.refine.rules import judge

_LOG = logging.getLogger(__name__)

_NO_FILE_RETENTION = {"delta.deletedFileRetentionDuration": "interval 0 hours"}
_CHECKPOINT_AT_EACH_COMMIT = {"delta.checkpointInterval": "1"}
# Delta compares the two retentions as they are given, not as they are in the table.
_NO_LOG_RETENTION = {
    **_NO_FILE_RETENTION,
    **_CHECKPOINT_AT_EACH_COMMIT,
    "delta.logRetentionDuration": "interval 0 hours",
}
_LITE_IMPOSSIBLE = "DELTA_CANNOT_VACUUM_LITE"


@dataclass(frozen=True)
class Person:
    """The person to erase: the columns of user that identify a person. None means that a value is unknown.

    Attributes:
        user_name: First and last name, as the clean table holds it.
        age: In years.
        date_joined: When the person joined.
    """

    user_name: str
    age: int | None
    date_joined: datetime | None


def erase(spark: SparkSession, lake: Lake, checkpoints: str, person: Person) -> None:
    """Remove every row and text of a person's posts from the lake; safe to run again, and then it finds the rest.

    Nothing else may refine files meanwhile: two runs on one checkpoint stop each other. A warning in the log says which
    entries of Delta's logs remain, since Delta removes none on the day that it was written.

    Args:
        spark: The session.
        lake: Where the tables are.
        checkpoints: The folder with a checkpoint folder for each query.
        person: Whose.

    Raises:
        StageError: The person has no name, a query failed, or Delta cannot tell which files of a table are old.
    """
    if not person.user_name.strip():
        raise StageError("expected the name of the person to erase, got none")
    # What is in raw and not refined would come to clean from the files that raw still had when it arrived.
    refine(spark, lake, checkpoints, Origin.S3)
    keys = _keys(spark, lake, person)
    # User comes last and its raw table at its end: an interrupted run finds the same keys there again.
    for entity in ENTITIES:
        _erase_rows(spark, lake, entity, keys, person)
    publish(spark, lake, checkpoints)
    shutil.rmtree(folder(checkpoints) / STAGED, ignore_errors=True)
    _move_on(spark, lake, checkpoints)
    tables = tables_with_records(spark, lake)
    remaining = concurrently(partial(_forget_the_past, spark), tables)
    _warn_of(dict(zip(tables, remaining, strict=True)))


def _keys(spark: SparkSession, lake: Lake, person: Person) -> list[int]:
    """Return the keys of all posts that are or were the person's.

    A rejected record may lack the age or the date since they cannot be read: what it does tell must agree.
    """
    key = sf.col(USER.clean[0].name)
    is_named = sf.col("user_name") == person.user_name
    known = {name: sf.col(name).eqNullSafe(sf.lit(getattr(person, name))) for name in ("age", "date_joined")}
    same = reduce(and_, known.values(), is_named)
    broken = sf.col("rejections.column")
    agrees = reduce(and_, (sf.array_contains(broken, name) | equal for name, equal in known.items()), is_named)
    theirs = [spark.table(lake.clean(USER)).where(same).select(key)]
    for table in (lake.raw(USER), lake.quarantine(USER)):
        records = _judged(spark, table, USER)
        theirs.append(records.where(key.isNotNull() & (same | (is_rejected() & agrees))).select(key))
    return [row[0] for row in reduce(DataFrame.unionAll, theirs).distinct().collect()]


def _erase_rows(spark: SparkSession, lake: Lake, entity: Entity, keys: list[int], person: Person) -> None:
    key, clean = entity.clean[0].name, lake.clean(entity)
    is_theirs = sf.col(key).isin(keys) | (sf.col(key).isNull() & _names(person))

    def erase_records(table: str) -> None:
        # Found first: a merge would validate all records twice, and most tables have none of the person's.
        theirs = _judged(spark, table, entity).where(is_theirs).select(*IDENTITY)
        if found := theirs.collect():
            delete_records(frame_of(spark, found, IDENTITY, theirs.schema), table)

    erase_records(lake.quarantine(entity))
    if keys:
        erased = spark.createDataFrame(pa.table({"key": keys}), "key INT").alias("erased")
        same_key = sf.col("erased.key") == sf.col(f"{clean}.{key}")
        retry_on_conflict(erased.mergeInto(clean, same_key).whenMatched().delete().merge)
    erase_records(lake.raw(entity))


def _judged(spark: SparkSession, table: str, entity: Entity) -> DataFrame:
    return judge(spark.table(table).select(*(column.name for column in RAW)), entity)


def _names(person: Person) -> Column:
    """Return whether a record's text has every word of the person's name, in any order."""
    encoded = sf.substring("payload", len(NO_TEXT) + 1, 2**31 - 1)
    text = sf.when(sf.startswith("payload", sf.lit(NO_TEXT)), sf.decode(sf.unbase64(encoded), "ISO-8859-1")).otherwise(
        sf.col("payload")
    )
    return reduce(and_, (sf.contains(text, sf.lit(word)) for word in person.user_name.split()))


def _move_on(spark: SparkSession, lake: Lake, checkpoints: str) -> None:
    """Bring the queries past the deletions, for the files that these replaced are removed, and past all earlier days.

    A query that starts reads the versions of its last batch again, from the end of the batch before. So there are two
    batches, each for a change of the raw tables.
    """
    for change in (_CHECKPOINT_AT_EACH_COMMIT, RETENTION):
        for entity in ENTITIES:
            _set_properties(spark, lake.raw(entity), change)
        refine(spark, lake, checkpoints, Origin.S3)


def _forget_the_past(spark: SparkSession, table: str) -> tuple[int, int]:
    """Remove deleted rows from a table's files, its old files, and its log as it was before today.

    Returns:
        The first and the last version whose log entries remain.
    """
    purge(spark, table)
    try:
        _set_properties(spark, table, _NO_FILE_RETENTION)
        _vacuum(spark, table)
        # The change itself makes a checkpoint, after which Delta removes log files of earlier days: those before the
        # last checkpoint of these days. A run on a later day finds this one.
        _set_properties(spark, table, _NO_LOG_RETENTION)
        history = spark.sql(f"DESCRIBE HISTORY {table}").agg(sf.min("version"), sf.max("version"))
        first, last = history.collect()[0]
    finally:
        _set_properties(spark, table, RETENTION)
    return first, last


def _warn_of(entries: Mapping[str, tuple[int, int]]) -> None:
    versions = ", ".join(f"{table} {first} to {last}" for table, (first, last) in entries.items())
    _LOG.warning(
        "log entries of these versions remain: %s. About files that were written before the tables had "
        "delta.dataSkippingStatsColumns they hold values. They go when erase runs again on a later day (UTC), or by "
        "themselves after %s",
        versions,
        RETENTION["delta.logRetentionDuration"].removeprefix("interval "),
    )


def _vacuum(spark: SparkSession, table: str) -> None:
    """Remove the files that the log says are old: a whole VACUUM would also remove what others are about to commit."""
    try:
        spark.sql(f"VACUUM {table} LITE")
    except Exception as error:
        if _LITE_IMPOSSIBLE not in str(error):
            raise
        raise StageError(
            f"expected the log of {table} to tell which files are old, but its entries have expired since the last "
            f"VACUUM; run VACUUM {table} while no job runs, and erase again"
        ) from error


def _set_properties(spark: SparkSession, table: str, properties: Mapping[str, str]) -> None:
    pairs = ", ".join(f"{literal(name)} = {literal(value)}" for name, value in properties.items())
    spark.sql(f"ALTER TABLE {table} SET TBLPROPERTIES ({pairs})")
