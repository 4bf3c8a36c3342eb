"""From raw to clean and quarantine: one way for every record, however it came.

A batch is judged, its newest record of every key is merged into the clean table, and what is not clean goes to
quarantine with its reasons. Both writes can be repeated: one takes only newer records, the other only records that are
not there. A batch that was cut off in the middle is simply done again.
"""

from dataclasses import replace
from functools import partial, reduce
from operator import and_

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.cleaning import EXTRA, REASONS, judge
from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.observe import Run, counted, now, record
from pinterest_pipeline.streams import (
    AVAILABLE_NOW,
    BatchWriter,
    Start,
    Trigger,
    batch_name,
    query_id,
    retry_on_conflict,
    run_to_end,
    start_query,
)
from pinterest_pipeline.tables import FIRST_BATCH, QUARANTINE, RAW, Lake, Origin, table_version

_BYTES_PER_BATCH = "256m"
_IDENTITY = ("origin", "position", "batch_id")
_ORDER = ("_arrived_at", "_position")
_REPLAY = "replay"


def refine(spark: SparkSession, lake: Lake, checkpoints: str, origin: Origin) -> None:
    """Bring what is new in the raw tables, and came this way, into clean or quarantine.

    Args:
        spark: The session.
        lake: Where the tables are.
        checkpoints: The folder with a checkpoint folder for each query.
        origin: Which records: those of the other origin are another job's.

    Raises:
        StageError: A query failed; it resumes where it stopped when it is started again.
    """
    run_to_end(refine_queries(spark, lake, checkpoints, origin, AVAILABLE_NOW))


def refine_queries(
    spark: SparkSession, lake: Lake, checkpoints: str, origin: Origin, trigger: Trigger
) -> tuple[Start, ...]:
    """Return what starts the query of each entity.

    Args:
        spark: The session.
        lake: Where the tables are.
        checkpoints: The folder with a checkpoint folder for each query.
        origin: Which records.
        trigger: When they take up what is new.
    """
    return tuple(partial(_start, spark, lake, entity, checkpoints, origin, trigger) for entity in ENTITIES)


def replay(spark: SparkSession, lake: Lake) -> None:
    """Send everything in quarantine through refine again, after a rule was changed or a declaration grew.

    What is clean by now moves to the clean table, and loses there against a newer record of its key. The rest stays.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for entity in ENTITIES:
        _replay(spark, lake, entity)


def _start(
    spark: SparkSession, lake: Lake, entity: Entity, checkpoints: str, origin: Origin, trigger: Trigger
) -> StreamingQuery:
    checkpoint = f"{checkpoints}/refine_{origin}/{entity.name}"
    raw = spark.readStream.option("maxBytesPerTrigger", _BYTES_PER_BATCH).table(lake.raw(entity))
    # A file holds records of one origin: by its statistics, one of the other origin is skipped and not read.
    records = raw.where(sf.col("origin") == origin)
    name = f"refine {origin} {entity.name}"
    return start_query(records, name, checkpoint, trigger, _writer(lake, entity, checkpoint, origin))


def _writer(lake: Lake, entity: Entity, checkpoint: str, origin: Origin) -> BatchWriter:
    def write(records: DataFrame, number: int) -> None:
        spark = records.sparkSession
        query = query_id(spark, checkpoint)
        batch = batch_name(number, query)
        judged = judge(records, entity)
        run = _begun("refine", entity, batch, judged, timed=origin is Origin.KINESIS)
        if not run.rows_read:
            return
        if run.rows_rejected:
            _quarantine(judged, lake.quarantine(entity), batch)
        merge_newest(judged, lake, entity, batch)
        # Counted in the table: a batch that was cut off after its merge counts the same when it is done again, and
        # another writer's rows are not counted.
        kept = spark.table(lake.clean(entity)).where(sf.col(FIRST_BATCH) == batch).count()
        record(spark, lake, [_completed(run, kept)], f"{query} runs", number)

    return write


def merge_newest(judged: DataFrame, lake: Lake, entity: Entity, batch: str) -> None:
    """Merge the clean rows of a batch: one row a key, and the newest arrival wins.

    Args:
        judged: What `judge` made of raw or quarantined records.
        lake: Where the clean table is.
        entity: What the records are.
        batch: The batch's name, kept with every key that it brings first.
    """
    key = entity.clean[0].name
    rows = judged.where(~_is_rejected()).select(
        *(column.name for column in entity.clean),
        sf.col("arrived_at").alias(_ORDER[0]),
        sf.col("position").alias(_ORDER[1]),
        sf.lit(batch).alias(FIRST_BATCH),
        EXTRA,
    )
    newest_first = Window.partitionBy(key).orderBy(*(sf.col(name).desc() for name in _ORDER))
    newest = rows.withColumn("_rank", sf.row_number().over(newest_first)).where("_rank = 1").drop("_rank")
    updates = {name: sf.col(f"new.{name}") for name in newest.columns if name not in (key, FIRST_BATCH)}
    target = lake.clean(entity)

    def merge() -> None:
        (
            newest.alias("new")
            .mergeInto(target, sf.col(f"new.{key}") == sf.col(f"{target}.{key}"))
            .whenMatched(_order("new") > _order(target))
            .update(updates)
            .whenNotMatched()
            .insertAll()
            .merge()
        )

    retry_on_conflict(merge)


def _order(table: str) -> Column:
    return sf.struct(*(sf.col(f"{table}.{name}") for name in _ORDER))


def _is_rejected() -> Column:
    return sf.size(REASONS) > 0


def _begun(stage: str, entity: Entity, batch: str, judged: DataFrame, *, timed: bool = False) -> Run:
    """Take a batch up: count its records and its rejected ones, and find its oldest and newest arrival."""
    rejected = sf.count_if(_is_rejected()).alias("rows_rejected")
    return counted(Run(stage, entity.name, batch, now()), judged, rejected, timed=timed)


def _completed(run: Run, kept: int) -> Run:
    return replace(run, rows_kept=kept, rows_replaced=run.rows_read - run.rows_rejected - kept)


def _quarantine(judged: DataFrame, quarantine: str, batch: str) -> None:
    """Add the rejected records that are not in quarantine yet.

    A merge by identity, not an append tied to the batch's number: a batch that failed may be judged by other rules
    when it is done again, and what these reject must not be skipped.
    """
    rejected = judged.where(_is_rejected()).withColumn("refined_in", sf.lit(batch))
    rows = rejected.select(*(column.name for column in QUARANTINE)).alias("new")
    retry_on_conflict(
        lambda: rows.mergeInto(quarantine, _same_record("new", quarantine)).whenNotMatched().insertAll().merge()
    )


def _replay(spark: SparkSession, lake: Lake, entity: Entity) -> None:
    quarantine = lake.quarantine(entity)
    version = table_version(spark, quarantine)
    held = spark.read.option("versionAsOf", version).table(quarantine)
    judged = judge(held.select(*(column.name for column in RAW)), entity)
    run = _begun(_REPLAY, entity, batch_name(version, _REPLAY), judged)
    if not run.rows_read:
        return
    released = judged.where(~_is_rejected())
    merge_newest(judged, lake, entity, run.batch)
    kept = _first_brought_by_replay(released, lake, entity)
    # Recorded before they leave quarantine: a replay that was cut off between the two is done again, and what is
    # recorded under this version already is not recorded twice.
    record(spark, lake, [_completed(run, kept)], f"{_REPLAY} {entity.name}", version)
    _delete(released, quarantine)


def _delete(released: DataFrame, quarantine: str) -> None:
    rows = released.select(*_IDENTITY).distinct().alias("released")
    retry_on_conflict(
        lambda: rows.mergeInto(quarantine, _same_record("released", quarantine)).whenMatched().delete().merge()
    )


def _first_brought_by_replay(released: DataFrame, lake: Lake, entity: Entity) -> int:
    """Count the keys that these records brought first, in this replay or in one that was cut off after its merge."""
    key, target = entity.clean[0].name, lake.clean(entity)
    clean = released.sparkSession.table(target).where(sf.col(FIRST_BATCH).endswith(f"/{_REPLAY}"))
    records = released.select(key, sf.col("arrived_at").alias(_ORDER[0]), sf.col("position").alias(_ORDER[1]))
    return clean.join(records.distinct(), [key, *_ORDER], "left_semi").count()


def _same_record(one: str, other: str) -> Column:
    first, *rest = (sf.col(f"{one}.{name}") == sf.col(f"{other}.{name}") for name in _IDENTITY)
    return reduce(and_, rest, first)
