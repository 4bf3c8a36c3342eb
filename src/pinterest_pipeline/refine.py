"""From raw to clean and quarantine: one way for every record, however it came.

A batch is judged, its newest record of every key is merged into the clean table, and what is not clean goes to
quarantine with its reasons. Both writes can be repeated: the merge takes only newer records, and the append is tied
to the batch's number. A batch that was cut off in the middle is simply done again.
"""

from datetime import datetime

from pyspark.sql import Column, DataFrame, SparkSession, Window
from pyspark.sql import functions as sf
from pyspark.sql.streaming.query import StreamingQuery

from pinterest_pipeline.cleaning import EXTRA, REASONS, judge
from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.observe import Run, now, record
from pinterest_pipeline.streams import BatchWriter, append_once, query_id, retry_on_conflict, run_to_end
from pinterest_pipeline.tables import FIRST_BATCH, QUARANTINE, RAW, Lake, table_version

_BYTES_PER_BATCH = "256m"
_ORDER = ("_arrived_at", "_position")


def refine(spark: SparkSession, lake: Lake, checkpoints: str) -> None:
    """Bring everything that is new in the raw tables into clean or quarantine.

    Args:
        spark: The session.
        lake: Where the tables are.
        checkpoints: The folder with a checkpoint folder for each query.

    Raises:
        StageError: A query failed; it resumes where it stopped when it is started again.
    """
    run_to_end([_start(spark, lake, entity, f"{checkpoints}/refine/{entity.name}") for entity in ENTITIES])


def replay(spark: SparkSession, lake: Lake) -> None:
    """Send everything in quarantine through refine again, after a rule was changed or a declaration grew.

    What is clean by now moves to the clean table, and loses there against a newer record of its key. The rest stays.

    Args:
        spark: The session.
        lake: Where the tables are.
    """
    for entity in ENTITIES:
        _replay(spark, lake, entity)


def _start(spark: SparkSession, lake: Lake, entity: Entity, checkpoint: str) -> StreamingQuery:
    return (
        spark.readStream.option("maxBytesPerTrigger", _BYTES_PER_BATCH)
        .table(lake.raw(entity))
        .writeStream.queryName(f"refine {entity.name}")
        .option("checkpointLocation", checkpoint)
        .trigger(availableNow=True)
        .foreachBatch(_writer(lake, entity, checkpoint))
        .start()
    )


def _writer(lake: Lake, entity: Entity, checkpoint: str) -> BatchWriter:
    def write(records: DataFrame, number: int) -> None:
        spark, started = records.sparkSession, now()
        query = query_id(spark, checkpoint)
        batch = f"{query}/{number}"
        read, oldest, newest = _extent(records)
        judged = judge(records, entity)
        merge_newest(judged, lake, entity, batch)
        rejected_rows = judged.where(_is_rejected()).withColumn("refined_in", sf.lit(batch))
        append_once(rejected_rows.select(*(c.name for c in QUARANTINE)), lake.quarantine(entity), query, number)
        kept = _rows_of(spark.table(lake.clean(entity)), FIRST_BATCH, batch)
        rejected = _rows_of(spark.table(lake.quarantine(entity)), "refined_in", batch)
        run = Run("refine", entity.name, batch, read, kept, started, rejected, read - kept - rejected, oldest, newest)
        record(spark, lake, [run], f"{query} runs", number)

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


def _extent(records: DataFrame) -> tuple[int, datetime | None, datetime | None]:
    """Return how many records a batch has and when the oldest and the newest of them arrived."""
    found = records.agg(sf.count("*"), sf.min("arrived_at"), sf.max("arrived_at")).first()
    return (found[0], found[1], found[2]) if found else (0, None, None)


def _rows_of(table: DataFrame, column: str, batch: str) -> int:
    return table.where(sf.col(column) == batch).count()


def _replay(spark: SparkSession, lake: Lake, entity: Entity) -> None:
    quarantine = lake.quarantine(entity)
    started, version = now(), table_version(spark, quarantine)
    held = spark.read.option("versionAsOf", version).table(quarantine)
    read, oldest, newest = _extent(held)
    if not read:
        return
    # The version names the batch: a replay that was cut off does the same again under the same name.
    batch = f"replay/{version}"
    judged = judge(held.select(*(column.name for column in RAW)), entity)
    merge_newest(judged, lake, entity, batch)
    _delete(judged.where(~_is_rejected()), quarantine)
    kept = _rows_of(spark.table(lake.clean(entity)), FIRST_BATCH, batch)
    rejected = judged.where(_is_rejected()).count()
    run = Run("replay", entity.name, batch, read, kept, started, rejected, read - kept - rejected, oldest, newest)
    record(spark, lake, [run], f"replay {entity.name}", version)


def _delete(released: DataFrame, quarantine: str) -> None:
    identity = ("origin", "position", "batch_id")
    rows = released.select(*identity).distinct().alias("released")
    same = [sf.col(f"released.{name}") == sf.col(f"{quarantine}.{name}") for name in identity]
    retry_on_conflict(lambda: rows.mergeInto(quarantine, same[0] & same[1] & same[2]).whenMatched().delete().merge())
