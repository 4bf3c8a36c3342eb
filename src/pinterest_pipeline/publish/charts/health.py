"""The chart of each health measure, with its title and captions."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from itertools import cycle
from typing import cast

from pinterest_pipeline.publish.charts.drawings import MOST_BARS, Drawer, Drawing, Rows, distinct, note_of, value_of
from pinterest_pipeline.publish.charts.shapes import Bar, Line, Series, grouped_columns, lines, rows_of_bars
from pinterest_pipeline.publish.charts.wording import compact, duration, label, number

_COLOURS = ("entity-1", "entity-2", "entity-3")


def _newest_records(measure: str, rows: Rows) -> Drawing:
    bars = [
        Bar(
            label(entity),
            value_of(records),
            number(value_of(records)),
            f"{label(entity)}: {number(value_of(records))} records; the newest {_minute(newest)}",
        )
        for entity, newest, records in rows
    ]
    newest = "; ".join(f"{label(entity)} {_minute(newest)}" for entity, newest, _ in rows)
    return Drawing(rows_of_bars(bars), measure, f"Newest record: {newest}.")


def _rejections(measure: str, rows: Rows) -> Drawing:
    largest = sorted(rows, key=lambda row: -value_of(row[3]))
    bars = [
        Bar(
            f"{entity}.{field}", value_of(records), f"{compact(value_of(records))}  {rule}", f"{entity}.{field}: {rule}"
        )
        for entity, field, rule, records, _ in largest[:MOST_BARS]
    ]
    entity, field, rule, records, _ = largest[0]
    finding = f"Most often: {entity}.{field} breaks {rule}, {number(value_of(records))}."
    return Drawing(rows_of_bars(bars), measure, finding, note_of(len(rows), "most frequent"))


def _rows_by_day(measure: str, rows: Rows) -> Drawing:
    counts = {(cast("date", day), label(entity)): value_of(count) for day, entity, count in rows}
    totals: Counter[date] = Counter()
    for (day, _), count in counts.items():
        totals[day] += int(count)
    days = sorted(totals)
    series = [
        Series(entity, [counts.get((day, entity)) for day in days], colour)
        for entity, colour in zip(_entities(rows), cycle(_COLOURS), strict=False)
    ]
    ((most, count),) = totals.most_common(1)
    finding = f"{number(totals.total())} rows; the most on {most}: {number(count)}."
    return Drawing(grouped_columns([f"{day:%b %d}" for day in days], series), measure, finding)


def _stream_latency(measure: str, rows: Rows) -> Drawing:
    each = [
        Line(entity, [(_utc(hour).isoformat(), value_of(late)) for hour, name, late in rows if name == entity], colour)
        for entity, colour in zip(_entities(rows), cycle(_COLOURS), strict=False)
    ]
    hour, entity, late = max(rows, key=lambda row: value_of(row[2]))
    finding = f"Highest: {label(entity)}, {duration(value_of(late))}, in the hour from {_minute(hour)}."
    return Drawing(lines(each, "s", clock=True), measure, finding)


def _entities(rows: Rows) -> list[str]:
    """Return the names in the second column, always in the same order, so that each keeps its colour."""
    return sorted(distinct(row[1] for row in rows))


def _utc(moment: object) -> datetime:
    """Return a time in UTC, without its zone; Spark returns the driver's local time."""
    return cast("datetime", moment).astimezone(UTC).replace(tzinfo=None)


def _minute(moment: object) -> str:
    return f"{_utc(moment):%Y-%m-%d %H:%M} UTC"


HEALTH_DRAWERS: Mapping[str, tuple[str, Drawer]] = {
    "newest_records": ("Records of the last 24 hours, by entity", _newest_records),
    "rejections_by_rule": ("Records in quarantine, by field and rule", _rejections),
    "rows_by_day": ("Rows that refine read, by day", _rows_by_day),
    "stream_latency": ("99th percentile of latency by hour, in seconds", _stream_latency),
}
"""The measure and the drawer of every measure of health that is drawn, by its name."""
