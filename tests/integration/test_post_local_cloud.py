import json
from collections import Counter
from pathlib import Path

import pytest
import sqlalchemy

from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.batch import PostSettings, post_batch
from pinterest_pipeline.post.source.opening import open_source
from tests.support.kafka import landed_lines
from tests.support.posting import fill, row
from tooling.local_cloud.cloud import LocalCloud

ROWS = 700
FIRST_KEY = 5_000_000  # so that rows which other tests post are told apart


@pytest.fixture
def source_url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'source.db'}"
    rows = {entity.name: [row(entity, FIRST_KEY + number) for number in range(ROWS)] for entity in ENTITIES}
    fill(sqlalchemy.create_engine(url), rows)
    return url


def test_what_is_posted_is_in_kafka_and_lands_as_it_was_sent(
    local_cloud: LocalCloud, source_url: str, tmp_path: Path
) -> None:
    names = Names(local_cloud.settings.prefix)
    topics = {entity: names.topic(entity) for entity in ENTITIES}
    before = {topic: local_cloud.records_in_kafka(topic) for topic in topics.values()}
    source = open_source(source_url, {})

    tallies = post_batch(
        source,
        PostSettings(local_cloud.api_url, names, tmp_path / "progress.json", tmp_path / "dead.jsonl", Pace(100)),
    )

    assert [tally.posted for tally in tallies] == [ROWS] * 3
    after = {topic: count + ROWS for topic, count in before.items()}
    assert {topic: local_cloud.records_in_kafka(topic) for topic in after} == after
    local_cloud.wait_until_landed(after)
    for entity, topic in topics.items():
        pages = source.pages(entity, None, ROWS)
        sent = Counter(json.dumps(json.loads(record.value)) for page in pages for record in page.records)
        landed = (json.dumps(json.loads(line)) for line in landed_lines(local_cloud.landing_folder, topic))
        assert Counter(text for text in landed if text in sent) == sent
