"""The pipeline's health: operators' questions as SQL on the views and the table `runs`."""

from collections.abc import Callable
from dataclasses import dataclass

_TABLES = ("arrivals", "rejections", "runs")


@dataclass(frozen=True)
class Measure:
    """One measure of the pipeline's health.

    Attributes:
        name: Its name, unique among the measures and the answers.
        title: What it shows, in a person's words.
        lines: The query, with `{arrivals}`, `{rejections}` and `{runs}` in the place of what it reads.
        columns: Its columns in order.
    """

    name: str
    title: str
    lines: tuple[str, ...]
    columns: tuple[str, ...]

    def query(self, table: Callable[[str], str] = str) -> str:
        """Return the query.

        Args:
            table: Returns what stands for a table or view in SQL; without it, its bare name does.
        """
        return "\n".join(self.lines).format_map({name: table(name) for name in _TABLES})


HEALTH = (
    Measure(
        "newest_records",
        "Newest record and records of the last 24 hours",
        (
            "SELECT",
            "  entity,",
            "  MAX(arrived_at) AS newest_arrival,",
            "  COUNT_IF(arrived_at >= CURRENT_TIMESTAMP() - INTERVAL 24 HOURS) AS records_of_24_hours",
            "FROM {arrivals}",
            "GROUP BY entity",
            "ORDER BY entity",
        ),
        ("entity", "newest_arrival", "records_of_24_hours"),
    ),
    Measure(
        "rejections_by_rule",
        "Records in quarantine by rule",
        (
            "SELECT entity, field, rule, COUNT(*) AS records, MAX(arrived_at) AS newest_arrival",
            "FROM {rejections}",
            "GROUP BY entity, field, rule",
            "ORDER BY records DESC, entity, field, rule",
        ),
        ("entity", "field", "rule", "records", "newest_arrival"),
    ),
    Measure(
        "rows_by_day",
        "Rows that refine read, by day",
        (
            "SELECT DATE(finished_at) AS day, subject AS entity, SUM(rows_read) AS rows_read",
            "FROM {runs}",
            "WHERE stage = 'refine' AND finished_at >= CURRENT_TIMESTAMP() - INTERVAL 30 DAYS",
            "GROUP BY day, entity",
            "ORDER BY day, entity",
        ),
        ("day", "entity", "rows_read"),
    ),
    Measure(
        "stream_latency",
        "Stream latency from arrival to commit: 99th percentile by hour, in seconds",
        (
            "SELECT",
            "  DATE_TRUNC('HOUR', finished_at) AS hour,",
            "  subject AS entity,",
            "  MAX(latency_p99_seconds) AS latency_p99_seconds",
            "FROM {runs}",
            "WHERE stage = 'refine'",
            "  AND latency_p99_seconds IS NOT NULL",
            "  AND finished_at >= CURRENT_TIMESTAMP() - INTERVAL 7 DAYS",
            "GROUP BY hour, entity",
            "ORDER BY hour, entity",
        ),
        ("hour", "entity", "latency_p99_seconds"),
    ),
    Measure(
        "last_runs",
        "Last run of each stage",
        (
            "SELECT",
            "  stage,",
            "  subject,",
            "  MAX(finished_at) AS last_finished,",
            "  MAX_BY(rows_read, finished_at) AS rows_read,",
            "  MAX_BY(rows_rejected, finished_at) AS rows_rejected",
            "FROM {runs}",
            "GROUP BY stage, subject",
            "ORDER BY last_finished DESC, stage, subject",
        ),
        ("stage", "subject", "last_finished", "rows_read", "rows_rejected"),
    ),
)
