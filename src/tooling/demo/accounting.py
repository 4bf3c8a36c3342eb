"""Accounting: the rows of every stage, each counted at its own place, and whether they add up."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import chain

from pyspark.sql import Column, DataFrame, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.lake.tables import Lake, Origin
from pinterest_pipeline.post.batch import Tally
from pinterest_pipeline.post.stream import StreamTally
from tooling.demo.report import Check, Rejection
from tooling.local_cloud.cloud import LocalCloud


@dataclass(frozen=True)
class Account:
    """One entity's rows, each number counted at its own stage.

    Attributes:
        entity: Whose rows.
        source: In the source.
        posted: Confirmed by the API.
        repeated: Sent again after an unknown result; at most these are in the topic twice.
        dead: In the dead-letter file.
        kafka: In the topic.
        landed: Lines in the sink's files.
        raw_s3: In the raw table, from files.
        sent: Read for the stream.
        streamed: Confirmed by the API as in the stream.
        streamed_again: Sent again after an unknown result; at most these are in the stream twice.
        stream_dead: In the streams' dead-letter file.
        kinesis: In the stream.
        raw_kinesis: In the raw table, from Kinesis.
        clean: In the clean table.
        keys: Distinct keys in the clean table.
        quarantined: In quarantine.
        replaced: Superseded by a newer record of the same key, from the table `runs`.
    """

    entity: Entity
    source: int
    posted: int
    repeated: int
    dead: int
    kafka: int
    landed: int
    raw_s3: int
    sent: int
    streamed: int
    streamed_again: int
    stream_dead: int
    kinesis: int
    raw_kinesis: int
    clean: int
    keys: int
    quarantined: int
    replaced: int

    @property
    def raw(self) -> int:
        """In the raw table, from files and from Kinesis."""
        return self.raw_s3 + self.raw_kinesis


def take_account(
    spark: SparkSession, lake: Lake, cloud: LocalCloud, tallies: Sequence[Tally], streamed: Sequence[StreamTally]
) -> tuple[Account, ...]:
    """Count every stage of every entity.

    Args:
        spark: The session.
        lake: Where the tables are.
        cloud: The running local cloud.
        tallies: The results of posting to Kafka, in the entities' order.
        streamed: The results of posting to Kinesis, in the same order.

    Returns:
        One account an entity, in the entities' order.
    """
    counts = _table_counts(spark, lake)
    names = zip(tallies, streamed, cloud.settings.topics, cloud.settings.streams, strict=True)
    return tuple(
        Account(
            entity=tally.entity,
            source=tally.rows,
            posted=tally.posted,
            repeated=tally.repeated,
            dead=tally.dead,
            kafka=cloud.records_in_kafka(topic),
            landed=cloud.records_landed(topic),
            sent=flow.sent + flow.dead + flow.waiting,
            streamed=flow.sent,
            streamed_again=flow.repeated,
            stream_dead=flow.dead,
            kinesis=cloud.records_in_stream(stream),
            **counts[tally.entity.name],
        )
        for tally, flow, topic, stream in names
    )


def checks(accounts: Sequence[Account]) -> tuple[Check, ...]:
    """Return every equation that must hold.

    Args:
        accounts: One an entity.
    """
    return tuple(check for account in accounts for check in _equations(account))


def rejections(spark: SparkSession, lake: Lake, accounts: Sequence[Account]) -> tuple[Rejection, ...]:
    """Count the rejections in quarantine by rule and column, the most frequent first.

    Args:
        spark: The session.
        lake: Where quarantine is.
        accounts: One an entity; only the quarantine of those that have rows in it is read.
    """
    broken = [
        spark.table(lake.quarantine(account.entity)).select(
            sf.lit(account.entity.name).alias("entity"), sf.inline("rejections")
        )
        for account in accounts
        if account.quarantined
    ]
    if not broken:
        return ()
    # The reasons of one rule and column differ only in the value.
    expected = sf.min(sf.split("text", ", got ")[0]).alias("expected")
    counts = (
        reduce(DataFrame.unionAll, broken).groupBy("entity", "rule", "column").agg(expected, sf.count("*").alias("n"))
    )
    found = [Rejection(row["entity"], row["rule"], row["expected"], row["n"]) for row in counts.collect()]
    return tuple(sorted(found, key=lambda rejection: (-rejection.rows, rejection.entity, rejection.reason)))


def _equations(account: Account) -> tuple[Check, ...]:
    name = account.entity.name
    in_topic = _at_least_once(account.kafka, account.posted, account.repeated)
    in_stream = _at_least_once(account.kinesis, account.streamed, account.streamed_again)
    return (
        Check(f"source = posted + dead letters, {name}", account.source, account.posted + account.dead),
        Check(f"posted = in Kafka, {name}", in_topic, account.kafka),
        Check(f"in Kafka = in S3, {name}", account.kafka, account.landed),
        Check(f"in S3 = raw from S3, {name}", account.landed, account.raw_s3),
        Check(f"sent = streamed + dead letters, {name}", account.sent, account.streamed + account.stream_dead),
        Check(f"streamed = in Kinesis, {name}", in_stream, account.kinesis),
        Check(f"in Kinesis = raw from Kinesis, {name}", account.kinesis, account.raw_kinesis),
        Check(
            f"raw = clean + quarantined + replaced, {name}",
            account.raw,
            account.clean + account.quarantined + account.replaced,
        ),
        Check(f"clean = different keys, {name}", account.clean, account.keys),
    )


def _at_least_once(there: int, confirmed: int, repeated: int) -> int:
    """Return the expected count: posting is at least once, so a row sent again after a lost response may be twice."""
    return min(max(there, confirmed), confirmed + repeated)


def _table_counts(spark: SparkSession, lake: Lake) -> dict[str, dict[str, int]]:
    """Count all tables of all entities by one query that reads each table once."""
    names = [entity.name for entity in ENTITIES]
    parts = [
        _counted(spark.table(lake.runs), {name: _replaced(name) for name in names}).withColumn("of", sf.lit("replaced"))
    ]
    for entity in ENTITIES:
        for table, counts in (
            (lake.raw(entity), {f"raw_{origin}": sf.count_if(sf.col("origin") == origin) for origin in Origin}),
            (lake.clean(entity), {"clean": sf.count("*"), "keys": sf.count_distinct(entity.clean[0].name)}),
            (lake.quarantine(entity), {"quarantined": sf.count("*")}),
        ):
            parts.append(_counted(spark.table(table), counts).withColumn("of", sf.lit(entity.name)))
    found: dict[str, dict[str, int]] = {}
    for row in reduce(DataFrame.unionAll, parts).collect():
        found.setdefault(row["of"], {}).update(row["counts"])
    replaced = found.pop("replaced")
    return {name: found[name] | {"replaced": replaced[name]} for name in names}


def _replaced(entity: str) -> Column:
    return sf.coalesce(sf.sum(sf.when(sf.col("subject") == entity, sf.col("rows_replaced"))), sf.lit(0))


def _counted(table: DataFrame, counts: dict[str, Column]) -> DataFrame:
    """Return one row with a map from each count's name to it."""
    pairs = chain.from_iterable((sf.lit(name), count.cast("BIGINT")) for name, count in counts.items())
    return table.agg(sf.create_map(*pairs).alias("counts"))
