"""The commits of the streams' records to the raw tables, from the table `runs`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import Lake, Origin
from tooling.demo.report import Commit, Stream
from tooling.local_cloud.tables import Tables, bare

# Only records from Kinesis have a latency: files are as old as their landing.
_BATCHES = "SELECT * FROM {runs} WHERE stage = 'ingest' AND latency_p50_seconds IS NOT NULL ORDER BY finished_at"

_RECORDS = "SELECT batch_id, arrived_at FROM {raw} WHERE origin = '{origin}'"

_LATENCIES = """
    SELECT
      PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY waited) AS half,
      PERCENTILE_CONT(0.99) WITHIN GROUP (ORDER BY waited) AS most
    FROM (
      SELECT EXTRACT(EPOCH FROM run.finished_at) - EXTRACT(EPOCH FROM record.arrived_at) AS waited
      FROM ({records}) AS record
      JOIN {runs} AS run ON run.batch = record.batch_id AND run.stage = 'ingest'
    )
"""


def stream_of(tables: Tables, lake: Lake, started: datetime) -> Stream | None:
    """Return every batch from Kinesis, and the latencies of all records; None for no batch.

    Args:
        tables: The tables.
        lake: Their names.
        started: When the run started.
    """
    runs = bare(lake.runs)
    batches = tables.rows(_BATCHES.format(runs=runs))
    if not batches:
        return None
    records = " UNION ALL ".join(
        _RECORDS.format(raw=bare(lake.raw(entity)), origin=Origin.KINESIS) for entity in ENTITIES
    )
    [latencies] = tables.rows(_LATENCIES.format(records=records, runs=runs))
    return Stream(_commits(batches, started), latencies["half"], latencies["most"])


def _commits(batches: Sequence[Mapping[str, Any]], started: datetime) -> tuple[Commit, ...]:
    before: dict[str, datetime] = {}
    commits = []
    for row in batches:
        entity, finished = row["subject"], row["finished_at"]
        since = before.get(entity, row["oldest_arrival"])
        before[entity] = finished
        commits.append(
            Commit(
                entity=entity,
                at=(finished - started).total_seconds(),
                took=(finished - since).total_seconds(),
                rows=row["rows_read"],
                latency_p50=row["latency_p50_seconds"],
                latency_p99=row["latency_p99_seconds"],
                lag=(finished - row["newest_arrival"]).total_seconds(),
            )
        )
    return tuple(commits)
