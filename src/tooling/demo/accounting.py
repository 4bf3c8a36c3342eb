"""Accounting: the rows of every stage, each counted at its own place, and whether they add up."""

from collections.abc import Sequence
from dataclasses import dataclass

from pinterest_pipeline.entities import ENTITIES, Entity
from pinterest_pipeline.lake.tables import Lake, Origin
from pinterest_pipeline.post.batch import Tally
from pinterest_pipeline.post.stream import StreamTally
from tooling.demo.report import Check, Rejection
from tooling.local_cloud.cloud import LocalCloud
from tooling.local_cloud.tables import Tables, bare

_COUNTS = """
    SELECT
      (SELECT COUNT(*) FROM {raw} WHERE origin = '{files}') AS raw_s3,
      (SELECT COUNT(*) FROM {raw} WHERE origin = '{streams}') AS raw_kinesis,
      (SELECT COUNT(*) FROM {clean}) AS clean,
      (SELECT COUNT(DISTINCT {key}) FROM {clean}) AS keys,
      (SELECT COUNT(*) FROM {quarantine}) AS quarantined,
      (SELECT COALESCE(SUM(rows_replaced), 0) FROM {runs} WHERE subject = '{name}') AS replaced
"""

# The reasons of one rule and column differ only in the value.
_REJECTIONS = """
    SELECT
      rejection['rule'] AS rule,
      MIN(SPLIT_PART(rejection['text'], ', got ', 1)) AS expected,
      COUNT(*) AS rows
    FROM (SELECT UNNEST(rejections) AS rejection FROM {quarantine})
    GROUP BY rejection['rule'], rejection['column']
"""


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
    tables: Tables, lake: Lake, cloud: LocalCloud, tallies: Sequence[Tally], streamed: Sequence[StreamTally]
) -> tuple[Account, ...]:
    """Count every stage of every entity.

    Args:
        tables: The tables.
        lake: Their names.
        cloud: The running local cloud.
        tallies: The results of posting to Kafka, in the entities' order.
        streamed: The results of posting to Kinesis, in the same order.

    Returns:
        One account an entity, in the entities' order.
    """
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
            **_table_counts(tables, lake, tally.entity),
        )
        for tally, flow, topic, stream in names
    )


def checks(accounts: Sequence[Account]) -> tuple[Check, ...]:
    """Return every equation that must hold.

    Args:
        accounts: One an entity.
    """
    return tuple(check for account in accounts for check in _equations(account))


def rejections(tables: Tables, lake: Lake) -> tuple[Rejection, ...]:
    """Count the rejections in quarantine by rule and column, the most frequent first.

    Args:
        tables: The tables.
        lake: Their names.
    """
    found = [
        Rejection(entity.name, row["rule"], row["expected"], row["rows"])
        for entity in ENTITIES
        for row in tables.rows(_REJECTIONS.format(quarantine=bare(lake.quarantine(entity))))
    ]
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


def _table_counts(tables: Tables, lake: Lake, entity: Entity) -> dict[str, int]:
    """Count the rows of an entity in every table."""
    [counts] = tables.rows(
        _COUNTS.format(
            raw=bare(lake.raw(entity)),
            clean=bare(lake.clean(entity)),
            quarantine=bare(lake.quarantine(entity)),
            runs=bare(lake.runs),
            key=entity.clean[0].name,
            name=entity.name,
            files=Origin.S3,
            streams=Origin.KINESIS,
        )
    )
    return counts
