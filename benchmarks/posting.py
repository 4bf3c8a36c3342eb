"""Posting many records a request against one record a request, through the local cloud."""

from pathlib import Path

from benchmarks.measure import Measure, timed
from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.batch import PostSettings, post_batch
from pinterest_pipeline.post.source.opening import open_source
from tooling.demo.sample_data.source_data import fill_source
from tooling.local_cloud.cloud import LocalCloud, LocalCloudSettings

_PREFIX = "bench"
_ONE_BY_ONE = 20  # so many times fewer rows are sent one at a time: the rate is the same, the waiting is not


def measure(folder: Path, rows: int) -> Measure:
    """Post generated rows both ways and compare the rows a second.

    Args:
        folder: Where the source and the local cloud are kept.
        rows: Rows of each table that are sent in batches.
    """
    with LocalCloud(LocalCloudSettings(folder / "cloud", _PREFIX)) as cloud:
        batched = _rate(cloud, folder / "many", rows, Pace())
        single = _rate(cloud, folder / "one", max(1, rows // _ONE_BY_ONE), Pace(records_per_request=1))
    return Measure(
        f"posting, {Pace.records_per_request} records a request",
        f"{batched:,.0f} rows/s",
        f"one record a request: {single:,.0f} rows/s",
        f"{batched / single:.1f} times as fast",
    )


def _rate(cloud: LocalCloud, folder: Path, rows: int, pace: Pace) -> float:
    folder.mkdir()
    location = f"sqlite:///{folder / 'source.db'}"
    fill_source(location, rows, seed=1)
    settings = PostSettings(
        cloud.api_url, Names(_PREFIX), folder / "progress.json", folder / "dead-letters.jsonl", pace
    )
    with timed() as watch:
        post_batch(open_source(location), settings)
    return len(ENTITIES) * rows / watch.seconds
