"""Which chart shows which answer, and the sentences that go with it."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import cast

from pinterest_pipeline.local.report.model import AnswerRows
from pinterest_pipeline.local.report.shapes import (
    Bar,
    Chart,
    Series,
    columns,
    grouped_columns,
    heat_map,
    rows_of_bars,
)
from pinterest_pipeline.local.report.wording import compact, label, number, shorten, together

MOST_BARS = 25
"""Bars of one chart that a reader can still take in; the table has all rows."""

_SHADES = 4
_LONGEST_NAME = 18  # characters that are written on a bar; a phone shows no more

_Rows = Sequence[Sequence[object]]


@dataclass(frozen=True)
class Drawing:
    """A chart with its words.

    Attributes:
        chart: The chart.
        finding: What it shows, in a sentence, for those who cannot see it and those in a hurry.
        note: What it leaves out; empty where it shows all rows.
    """

    chart: Chart
    finding: str
    note: str = ""


@dataclass(frozen=True)
class _Leader:
    """Who is in front in one group (a country, a year), or all of them where they tie."""

    group: str
    names: tuple[str, ...]
    value: float


def draw(answer: AnswerRows) -> Drawing | None:
    """Return the drawing of an answer, None where it has no rows."""
    return _DRAWERS[answer.answer.name](answer.rows) if answer.rows else None


def _popular_by_country(rows: _Rows) -> Drawing:
    leaders = _leaders(rows)
    counted = Counter(name for leader in leaders for name in leader.names)
    most = max(counted.values())
    favourites = together([name for name in counted if counted[name] == most])
    finding = f"In front in the most countries: {favourites} ({number(most)} of {number(len(leaders))})."
    return _largest_leaders(leaders, "posts", finding)


def _popular_by_group(rows: _Rows) -> Drawing:
    leaders = _leaders(rows)
    finding = "; ".join(f"{leader.group}: {together(leader.names)}" for leader in leaders) + "."
    return Drawing(rows_of_bars([_leader_bar(leader, "posts") for leader in leaders]), finding)


def _most_followed_by_country(rows: _Rows) -> Drawing:
    leaders = _leaders(rows)
    most = max(leader.value for leader in leaders)
    top = [f"{together(leader.names)} ({leader.group})" for leader in leaders if leader.value == most]
    return _largest_leaders(leaders, "followers", f"Most followers: {together(top)}, {number(most)}.")


def _country_of_most_followed(rows: _Rows) -> Drawing:
    most = _value(rows[0][-1])
    bars = [
        Bar(
            label(country), _value(count), number(_value(count)), f"{label(country)}: {number(_value(count))} followers"
        )
        for country, count in rows
    ]
    countries = together([bar.name for bar in bars])
    return Drawing(
        rows_of_bars(bars[:MOST_BARS]),
        f"{countries}, with {number(most)} followers.",
        _note(len(bars), "first countries by name"),
    )


def _leaders(rows: _Rows) -> list[_Leader]:
    """Put the rows (group, name, value) of one group together, groups in the order of the rows."""
    names: dict[str, list[str]] = {}
    values: dict[str, float] = {}
    for group, name, value in rows:
        names.setdefault(label(group), []).append(label(name))
        values[label(group)] = _value(value)
    return [_Leader(group, tuple(names[group]), values[group]) for group in names]


def _largest_leaders(leaders: Sequence[_Leader], unit: str, finding: str) -> Drawing:
    largest = sorted(leaders, key=lambda leader: -leader.value)[:MOST_BARS]
    chart = rows_of_bars([_leader_bar(leader, unit) for leader in largest])
    return Drawing(chart, finding, _note(len(leaders), f"countries with the most {unit}"))


def _leader_bar(leader: _Leader, unit: str) -> Bar:
    value, others = number(leader.value), f" +{len(leader.names) - 1}" if len(leader.names) > 1 else ""
    return Bar(
        leader.group,
        leader.value,
        f"{compact(leader.value)}  {shorten(leader.names[0], _LONGEST_NAME)}{others}",
        f"{leader.group}: {together(leader.names, 6)}, {value} {unit}",
    )


def _note(groups: int, what: str) -> str:
    if groups <= MOST_BARS:
        return ""
    return f"The chart shows {MOST_BARS} of {number(groups)}: the {what}. The table has all."


def _posts_by_year(rows: _Rows) -> Drawing:
    cells = {(label(category), label(year)): _value(count) for year, category, count in rows}
    totals: Counter[str] = Counter()
    for (category, _), count in cells.items():
        totals[category] += int(count)
    years, categories = _distinct(year for year, _, _ in rows), [name for name, _ in totals.most_common()]
    most = max(cells.values())
    top = together([f"{category} in {year}" for (category, year), count in cells.items() if count == most])
    grid = [[cells.get((category, year)) for year in years] for category in categories]
    return Drawing(heat_map(years, categories, grid), f"The largest count: {top}, {number(most)} posts.")


def _median_by(rows: _Rows) -> Drawing:
    names, values = [label(name) for name, _ in rows], [_value(median) for _, median in rows]
    return Drawing(columns(names, values), f"{_extremes(names, values)} followers.")


def _joined(rows: _Rows) -> Drawing:
    names, values = [label(year) for year, _ in rows], [_value(users) for _, users in rows]
    total = f"{number(sum(values))} users in all."
    return Drawing(columns(names, values), f"{_extremes(names, values)} users. {total}")


def _median_by_both(rows: _Rows) -> Drawing:
    medians = {(label(group), label(year)): _value(median) for group, year, median in rows}
    groups, years = _distinct(group for group, _, _ in rows), sorted({year for _, year in medians})
    series = [
        Series(group, [medians.get((group, year)) for year in years], f"shade-{position % _SHADES + 1}")
        for position, group in enumerate(groups)
    ]
    finding = _extremes([f"{group} who joined in {year}" for group, year in medians], list(medians.values()))
    return Drawing(grouped_columns(years, series), f"{finding} followers.")


def _extremes(names: Sequence[str], values: Sequence[float]) -> str:
    """Return which names have the highest and the lowest value; only the value where all have the same."""
    highest, lowest = max(values), min(values)
    top = together([name for name, value in zip(names, values, strict=True) if value == highest])
    if highest == lowest:
        return f"{top}: {number(highest)}"
    bottom = together([name for name, value in zip(names, values, strict=True) if value == lowest])
    return f"Highest: {top}, {number(highest)}; lowest: {bottom}, {number(lowest)}"


def _distinct(values: Iterable[object]) -> list[str]:
    return list(dict.fromkeys(label(value) for value in values))


def _value(value: object) -> float:
    """Return a count or a median as the number that it is."""
    return cast("float", value)


_DRAWERS: dict[str, Callable[[_Rows], Drawing]] = {
    "q1_popular_category_by_country": _popular_by_country,
    "q2a_posts_by_year_and_category": _posts_by_year,
    "q2b_popular_category_by_year": _popular_by_group,
    "q3a_most_followed_user_by_country": _most_followed_by_country,
    "q3b_country_of_most_followed_user": _country_of_most_followed,
    "q4_popular_category_by_age_group": _popular_by_group,
    "q5_median_followers_by_age_group": _median_by,
    "q6_users_joined_by_year": _joined,
    "q7_median_followers_by_joining_year": _median_by,
    "q8_median_followers_by_joining_year_and_age_group": _median_by_both,
}
