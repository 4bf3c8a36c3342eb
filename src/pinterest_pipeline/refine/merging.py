"""From raw to clean and quarantine: one path for every record, independent of its origin.

A batch is validated once. Its newest record of every key is merged into the clean table, and rejected records go to
quarantine with their reasons. Both writes are idempotent: one accepts only newer records, the other only records that
are not there yet. An interrupted batch is simply repeated.
"""

from datetime import UTC, datetime
from functools import partial, reduce
from operator import and_
from pathlib import Path

import pyarrow as pa
from pyspark.sql import Column, DataFrame, Row, SparkSession, Window
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.lake.checkpoints import Batch, folder
from pinterest_pipeline.lake.queries import AVAILABLE_NOW, BatchWriter, retry_on_conflict, run_to_end, start_query
from pinterest_pipeline.lake.runs import (
    Counts,
    Run,
    append_runs_once,
    counted,
    finished,
    now,
    record,
    recorded,
    spool_of,
)
from pinterest_pipeline.lake.tables import FIRST_BATCH, QUARANTINE, RAW, Lake, Origin, quoted, table_version
from pinterest_pipeline.refine.rules import EXTRA, REJECTIONS, judge
from pinterest_pipeline.refine.staging import staged_batch, staging_of

IDENTITY = ("origin", "position")
"""The columns that identify a record in raw and quarantine."""

_BYTES_PER_BATCH = "256m"
_ORDER = ("_arrived_at", "_position")
_REPLAY = "replay"
_MANY_ROWS = 50_000  # of a batch: from here on checking its keys costs less than sorting its rows by them


def refine(spark: SparkSession, lake: Lake, checkpoints: str, origin: Origin) -> None:
    """Bring new records of one origin from the raw tables into clean or quarantine.

    Args:
        spark: The session.
        lake: Where the tables are.
        checkpoints: The folder with a checkpoint folder for each query.
        origin: The records' origin; another job refines the other one.

    Raises:
        StageError: A query failed; it resumes where it stopped when it is started again.
    """
    with recorded(spark, lake, spool_of(folder(checkpoints), f"refine_{origin}")):
        run_to_end(partial(_start, spark, lake, entity, checkpoints, origin) for entity in ENTITIES)


def replay(spark: SparkSession, lake: Lake) -> None:
    """Refine everything in quarantine again, after a rule or the declaration was changed.

    Records that are now clean move to the clean table, unless it has a newer record of their key. The rest stays.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for entity in ENTITIES:
        _replay(spark, lake, entity)


def _start(spark: SparkSession, lake: Lake, entity: Entity, checkpoints: str, origin: Origin) -> StreamingQuery:
    queries = f"refine_{origin}"
    # Commits that delete rows (`erase`) are skipped: otherwise they would fail the query.
    options = {"maxBytesPerTrigger": _BYTES_PER_BATCH, "skipChangeCommits": "true"}
    raw = spark.readStream.options(**options).table(lake.raw(entity))
    # A file holds records of one origin: by its statistics, files of the other origin are skipped.
    records = raw.where(sf.col("origin") == origin)
    # Validated in the query's own plan, which is built once, not per batch. Only quarantine needs the text again.
    judged = judge(records, entity).withColumn("payload", sf.when(is_rejected(), sf.col("payload")))
    write = _writer(lake, entity, folder(checkpoints), queries)
    return start_query(
        judged, f"refine {origin} {entity.name}", f"{checkpoints}/{queries}/{entity.name}", AVAILABLE_NOW, write
    )


def _writer(lake: Lake, entity: Entity, checkpoints: Path, queries: str) -> BatchWriter:
    staging, spool = staging_of(checkpoints, queries, entity), spool_of(checkpoints, queries)

    def write(judged: DataFrame, batch: Batch) -> None:
        started = now()
        with staged_batch(judged, staging, batch, is_rejected()) as (rows, counts):
            if counts.rows:
                record(spool, batch, finished(settle(rows, lake, entity, batch, counts, started)))

    return write


def settle(rows: DataFrame, lake: Lake, entity: Entity, batch: Batch, counts: Counts, started: datetime) -> Run:
    """Write a validated batch to clean and quarantine.

    Args:
        rows: The staged rows.
        lake: Where the tables are.
        entity: The records' entity.
        batch: The batch.
        counts: The counts of the rows, of which there is at least one.
        started: When the batch was started.

    Returns:
        The run, not finished yet.
    """
    if counts.rejected or batch.repeated:
        _quarantine(rows, lake.quarantine(entity), batch)
    if counts.rejected and batch.repeated:
        _take_back(rows, lake, entity, batch)
    kept = 0
    if counts.rejected < counts.rows:
        unique = counts.rows >= _MANY_ROWS and not _has_repeated_keys(rows, entity)
        kept = merge_newest(rows, lake, entity, batch.name, unique=unique)
    if batch.repeated:
        # Counted in the table, since an earlier attempt may have added them.
        clean = rows.sparkSession.table(lake.clean(entity))
        kept = clean.where(sf.col(FIRST_BATCH) == batch.name).count()
    return counts.put_into(Run("refine", entity.name, batch.name, started), kept)


def _has_repeated_keys(judged: DataFrame, entity: Entity) -> bool:
    """Return whether any key occurs twice, which reads one column; sorting the rows by key moves all of them."""
    keys = judged.where(~is_rejected()).groupBy(entity.clean[0].name).count()
    return not keys.where("count > 1").isEmpty()


def merge_newest(judged: DataFrame, lake: Lake, entity: Entity, batch: str, *, unique: bool = False) -> int:
    """Merge the clean rows of a batch: one row per key, the newest arrival wins.

    Args:
        judged: The result of `judge` on raw or quarantined records.
        lake: Where the clean table is.
        entity: What the records are.
        batch: The batch's name, kept with every key that it brings first.
        unique: Whether each key is known to be there once.

    Returns:
        How many keys it brought first.
    """
    key = entity.clean[0].name
    rows = judged.where(~is_rejected()).select(
        *(column.name for column in entity.clean),
        sf.col("arrived_at").alias(_ORDER[0]),
        sf.col("position").alias(_ORDER[1]),
        sf.lit(batch).alias(FIRST_BATCH),
        EXTRA,
    )
    newest = rows if unique else _newest(rows, key)
    updates = ", ".join(
        f"{quoted(name)} = new.{quoted(name)}" for name in newest.columns if name not in (key, FIRST_BATCH)
    )
    merge = f"""
        MERGE INTO {_in_format(lake.clean(entity))} AS old USING {{newest}} AS new
        ON new.{quoted(key)} = old.{quoted(key)}
        WHEN MATCHED AND {_order("new")} > {_order("old")} THEN UPDATE SET {updates}
        WHEN NOT MATCHED THEN INSERT *
    """
    return int(retry_on_conflict(lambda: _merged(judged.sparkSession, merge, newest=newest))["num_inserted_rows"])


def _newest(rows: DataFrame, key: str) -> DataFrame:
    newest_first = Window.partitionBy(key).orderBy(*(sf.col(name).desc() for name in _ORDER))
    return rows.withColumn("_rank", sf.row_number().over(newest_first)).where("_rank = 1").drop("_rank")


def _merged(spark: SparkSession, statement: str, **sources: DataFrame) -> Row:
    """Run a MERGE and return its counts of rows."""
    return spark.sql(statement, args=None, **sources).collect()[0]


def _in_format(name: str) -> str:
    """Return a name escaped for a format string, with its braces doubled."""
    return name.replace("{", "{{").replace("}", "}}")


def _order(table: str) -> str:
    return "struct(" + ", ".join(f"{table}.{quoted(name)}" for name in _ORDER) + ")"


def is_rejected() -> Column:
    """Return whether a validated row is rejected."""
    return sf.size(REJECTIONS) > 0


def _quarantine(judged: DataFrame, quarantine: str, batch: Batch) -> None:
    """Add the rejected records that are not in quarantine yet.

    A merge by identity, not an append tied to the batch's number: a failed batch may be validated by other rules when
    it is repeated. Records that these reject must not be skipped, and records that they accept must not stay.
    """
    # A rewritten file repeats its lines (docs/decisions/0012), possibly within one batch.
    rejected = judged.where(is_rejected()).dropDuplicates([*IDENTITY]).withColumn("refined_in", sf.lit(batch.name))
    rejected = rejected.withColumn("reasons", sf.col(f"{REJECTIONS}.text"))
    rows = rejected.select(*(column.name for column in QUARANTINE)).alias("new")
    merge = rows.mergeInto(quarantine, _same_record("new", quarantine)).whenNotMatched().insertAll()
    if batch.repeated:
        merge = merge.whenMatched().updateAll().whenNotMatchedBySource(sf.col("refined_in") == batch.name).delete()
    retry_on_conflict(merge.merge)


def _take_back(judged: DataFrame, lake: Lake, entity: Entity, batch: Batch) -> None:
    """Remove rows that an earlier attempt of the batch merged and this one, by other rules, rejects.

    The newest valid record of the key, from raw, replaces it. Until then the row is marked as older than any record,
    which also shows the next attempt where to resume after an interruption.
    """
    spark, key, clean = judged.sparkSession, entity.clean[0].name, lake.clean(entity)
    rejected = judged.where(is_rejected()).select(sf.col("position").alias(_ORDER[1]))
    marked = spark.table(clean).where(sf.col(_ORDER[1]) == "").select(key)
    merged = spark.table(clean).join(rejected, _ORDER[1], "left_semi").select(key)
    keys = [row[key] for row in merged.unionAll(marked).collect()]
    if not keys:
        return
    taken_back = spark.createDataFrame(pa.table({key: keys}), f"{quoted(key)} INT")
    same_key = sf.col(f"back.{key}") == sf.col(f"{clean}.{key}")
    oldest = {_ORDER[0]: sf.lit(datetime.min.replace(tzinfo=UTC)), _ORDER[1]: sf.lit("")}
    retry_on_conflict(taken_back.alias("back").mergeInto(clean, same_key).whenMatched().update(oldest).merge)
    standing = judge(spark.table(lake.raw(entity)), entity).join(taken_back, key, "left_semi")
    merge_newest(standing, lake, entity, batch.name)
    still_marked = same_key & (sf.col(f"{clean}.{_ORDER[1]}") == "")
    retry_on_conflict(taken_back.alias("back").mergeInto(clean, still_marked).whenMatched().delete().merge)


def _replay(spark: SparkSession, lake: Lake, entity: Entity) -> None:
    quarantine = lake.quarantine(entity)
    version = table_version(spark, quarantine)
    held = spark.read.option("versionAsOf", version).table(quarantine)
    judged = judge(held.select(*(column.name for column in RAW)), entity)
    started, batch, counts = now(), Batch(_REPLAY, version), counted(judged, is_rejected())
    if not counts.rows:
        return
    released = judged.where(~is_rejected())
    merge_newest(judged, lake, entity, batch.name)
    kept = _first_brought_by_replay(released, lake, entity)
    # Recorded before they leave quarantine: a replay interrupted between the two is repeated, and a run that
    # is recorded under this version is not recorded twice.
    run = finished(counts.put_into(Run(_REPLAY, entity.name, batch.name, started), kept))
    append_runs_once(spark, lake, [run], f"{_REPLAY} {entity.name}", version)
    delete_records(released, quarantine)


def delete_records(records: DataFrame, table: str) -> None:
    """Delete records from raw or quarantine.

    By a merge, since Delta's log stores the condition of a DELETE as text.

    Args:
        records: The records, by origin and position.
        table: The table's full name.
    """
    rows = records.select(*IDENTITY).distinct().alias("deleted")
    retry_on_conflict(lambda: rows.mergeInto(table, _same_record("deleted", table)).whenMatched().delete().merge())


def _first_brought_by_replay(released: DataFrame, lake: Lake, entity: Entity) -> int:
    """Count the keys that these records inserted, in this replay or in one interrupted after its merge."""
    key, target = entity.clean[0].name, lake.clean(entity)
    clean = released.sparkSession.table(target).where(sf.col(FIRST_BATCH).endswith(f"/{_REPLAY}"))
    records = released.select(key, sf.col("arrived_at").alias(_ORDER[0]), sf.col("position").alias(_ORDER[1]))
    return clean.join(records.distinct(), [key, *_ORDER], "left_semi").count()


def _same_record(one: str, other: str) -> Column:
    first, *rest = (sf.col(f"{one}.{name}") == sf.col(f"{other}.{name}") for name in IDENTITY)
    return reduce(and_, rest, first)
