from dataclasses import replace

import pytest

from pinterest_pipeline.entities import PIN
from tooling.demo.accounting import Account, checks

WHOLE = Account(
    entity=PIN,
    source=12,
    posted=10,
    repeated=0,
    dead=2,
    kafka=10,
    landed=10,
    raw_s3=10,
    sent=12,
    streamed=11,
    streamed_again=0,
    stream_dead=1,
    kinesis=11,
    raw_kinesis=11,
    clean=7,
    keys=7,
    quarantined=2,
    replaced=12,
)


def broken(account: Account) -> list[str]:
    return [check.name for check in checks([account]) if not check.holds]


def test_counts_that_add_up_break_no_check() -> None:
    assert broken(WHOLE) == []


@pytest.mark.parametrize(
    ("stage", "name"),
    [
        ("source", "source = posted + dead letters, pin"),
        ("kafka", "posted = in Kafka, pin"),
        ("landed", "in Kafka = in S3, pin"),
        ("raw_s3", "in S3 = raw from S3, pin"),
        ("sent", "sent = streamed + dead letters, pin"),
        ("kinesis", "streamed = in Kinesis, pin"),
        ("raw_kinesis", "in Kinesis = raw from Kinesis, pin"),
        ("quarantined", "raw = clean + quarantined + replaced, pin"),
        ("keys", "clean = different keys, pin"),
    ],
)
def test_a_row_too_many_anywhere_breaks_a_check(stage: str, name: str) -> None:
    assert name in broken(replace(WHOLE, **{stage: getattr(WHOLE, stage) + 1}))


@pytest.mark.parametrize(("in_kafka", "holds"), [(9, False), (10, True), (12, True), (13, False)])
def test_rows_that_were_sent_again_may_be_in_kafka_twice_but_no_others(in_kafka: int, *, holds: bool) -> None:
    account = replace(WHOLE, repeated=2, kafka=in_kafka)
    assert ("posted = in Kafka, pin" not in broken(account)) is holds


@pytest.mark.parametrize(("in_kinesis", "holds"), [(10, False), (11, True), (13, True), (14, False)])
def test_rows_that_were_sent_again_may_be_in_kinesis_twice_but_no_others(in_kinesis: int, *, holds: bool) -> None:
    account = replace(WHOLE, streamed_again=2, kinesis=in_kinesis)
    assert ("streamed = in Kinesis, pin" not in broken(account)) is holds
