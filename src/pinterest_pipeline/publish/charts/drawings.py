"""The chart of each answer, with its title and captions."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from pinterest_pipeline.publish.charts.shapes import (
    Bar,
    Chart,
    Series,
    columns,
    grouped_columns,
    heat_map,
    rows_of_bars,
)
from pinterest_pipeline.publish.charts.wording import compact, label, number, shorten, together

MOST_BARS = 25
"""Maximum bars of a readable chart; the table has all rows."""

_SHADES = 4
_LONGEST_NAME = 18  # characters that are written on a bar; a phone shows no more

Rows = Sequence[Sequence[object]]
"""Rows of a result, with a value for each of its columns."""


@dataclass(frozen=True)
class Drawing:
    """A chart with its captions.

    Attributes:
        chart: The chart.
        measure: What its lengths, heights or colours are, and by what: `Followers, by country`.
        finding: What it shows, in a sentence, for those who cannot see it and those in a hurry.
        note: What it leaves out; empty where it shows all rows.
    """

    chart: Chart
    measure: str
    finding: str
    note: str = ""


@dataclass(frozen=True)
class _Leader:
    """Who is in front in one group (a country, a year), or all of them where they tie."""

    group: str
    names: tuple[str, ...]
    value: float


def _popular_by_country(measure: str, rows: Rows) -> Drawing:
    leaders = _leaders(rows)
    counted = Counter(name for leader in leaders for name in leader.names)
    most = max(counted.values())
    favourites = together([name for name in counted if counted[name] == most])
    finding = f"In front in the most countries: {favourites} ({number(most)} of {number(len(leaders))})."
    return _largest_leaders(leaders, "posts", measure, finding)


def _popular_by_group(measure: str, rows: Rows) -> Drawing:
    leaders = _leaders(rows)
    finding = "; ".join(f"{leader.group}: {together(leader.names)}" for leader in leaders) + "."
    return Drawing(rows_of_bars([_leader_bar(leader, "posts") for leader in leaders]), measure, finding)


def _most_followed_by_country(measure: str, rows: Rows) -> Drawing:
    leaders = _leaders(rows)
    most = max(leader.value for leader in leaders)
    top = [f"{together(leader.names)} ({leader.group})" for leader in leaders if leader.value == most]
    return _largest_leaders(leaders, "followers", measure, f"Most followers: {together(top)}, {number(most)}.")


def _country_of_most_followed(measure: str, rows: Rows) -> Drawing:
    most = value_of(rows[0][-1])
    bars = [
        Bar(
            label(country),
            value_of(count),
            number(value_of(count)),
            f"{label(country)}: {number(value_of(count))} followers",
        )
        for country, count in rows
    ]
    countries = together([bar.name for bar in bars])
    return Drawing(
        rows_of_bars(bars[:MOST_BARS]),
        measure,
        f"{countries}, with {number(most)} followers.",
        note_of(len(bars), "first countries by name"),
    )


def _leaders(rows: Rows) -> list[_Leader]:
    """Group the rows (group, name, value) by group, in the order of the rows."""
    names: dict[str, list[str]] = {}
    values: dict[str, float] = {}
    for group, name, value in rows:
        names.setdefault(label(group), []).append(label(name))
        values[label(group)] = value_of(value)
    return [_Leader(group, tuple(names[group]), values[group]) for group in names]


def _largest_leaders(leaders: Sequence[_Leader], unit: str, measure: str, finding: str) -> Drawing:
    largest = sorted(leaders, key=lambda leader: -leader.value)[:MOST_BARS]
    chart = rows_of_bars([_leader_bar(leader, unit) for leader in largest])
    return Drawing(chart, measure, finding, note_of(len(leaders), f"countries with the most {unit}"))


def _leader_bar(leader: _Leader, unit: str) -> Bar:
    value, others = number(leader.value), f" +{len(leader.names) - 1}" if len(leader.names) > 1 else ""
    return Bar(
        leader.group,
        leader.value,
        f"{compact(leader.value)}  {shorten(leader.names[0], _LONGEST_NAME)}{others}",
        f"{leader.group}: {together(leader.names, 6)}, {value} {unit}",
    )


def note_of(groups: int, what: str) -> str:
    """Return what a chart leaves out that shows the first `MOST_BARS` groups; empty where it shows them all."""
    if groups <= MOST_BARS:
        return ""
    return f"The chart shows {MOST_BARS} of {number(groups)}: the {what}. The table has all."


def _posts_by_year(measure: str, rows: Rows) -> Drawing:
    cells = {(label(category), label(year)): value_of(count) for year, category, count in rows}
    totals: Counter[str] = Counter()
    for (category, _), count in cells.items():
        totals[category] += int(count)
    years, categories = distinct(year for year, _, _ in rows), [name for name, _ in totals.most_common()]
    most = max(cells.values())
    top = together([f"{category} in {year}" for (category, year), count in cells.items() if count == most])
    grid = [[cells.get((category, year)) for year in years] for category in categories]
    return Drawing(heat_map(years, categories, grid), measure, f"The largest count: {top}, {number(most)} posts.")


def _median_by(measure: str, rows: Rows) -> Drawing:
    names, values = [label(name) for name, _ in rows], [value_of(median) for _, median in rows]
    return Drawing(columns(names, values), measure, f"{_extremes(names, values)} followers.")


def _joined(measure: str, rows: Rows) -> Drawing:
    names, values = [label(year) for year, _ in rows], [value_of(users) for _, users in rows]
    total = f"{number(sum(values))} users in all."
    return Drawing(columns(names, values), measure, f"{_extremes(names, values)} users. {total}")


def _median_by_both(measure: str, rows: Rows) -> Drawing:
    medians = {(label(group), label(year)): value_of(median) for group, year, median in rows}
    groups, years = distinct(group for group, _, _ in rows), sorted({year for _, year in medians})
    series = [
        Series(group, [medians.get((group, year)) for year in years], f"shade-{position % _SHADES + 1}")
        for position, group in enumerate(groups)
    ]
    finding = _extremes([f"{group} who joined in {year}" for group, year in medians], list(medians.values()))
    return Drawing(grouped_columns(years, series), measure, f"{finding} followers.")


def _extremes(names: Sequence[str], values: Sequence[float]) -> str:
    """Return which names have the highest and the lowest value; only the value where all have the same."""
    highest, lowest = max(values), min(values)
    top = together([name for name, value in zip(names, values, strict=True) if value == highest])
    if highest == lowest:
        return f"{top}: {number(highest)}"
    bottom = together([name for name, value in zip(names, values, strict=True) if value == lowest])
    return f"Highest: {top}, {number(highest)}; lowest: {bottom}, {number(lowest)}"


def distinct(values: Iterable[object]) -> list[str]:
    """Return the distinct names, in the order of their first row."""
    return list(dict.fromkeys(label(value) for value in values))


def value_of(value: object) -> float:
    """Return a count or a median as the number that it is."""
    return cast("float", value)


Drawer = Callable[[str, Rows], Drawing]
"""Draws the rows of a result, of which there is at least one; the text is the drawing's measure."""

ANSWER_DRAWERS: Mapping[str, tuple[str, Drawer]] = {
    "q1_popular_category_by_country": ("Posts of the most popular category, by country", _popular_by_country),
    "q2a_posts_by_year_and_category": ("Posts, by category and year", _posts_by_year),
    "q2b_popular_category_by_year": ("Posts of the most popular category, by year", _popular_by_group),
    "q3a_most_followed_user_by_country": ("Followers of the most followed user, by country", _most_followed_by_country),
    "q3b_country_of_most_followed_user": ("Followers, by country", _country_of_most_followed),
    "q4_popular_category_by_age_group": ("Posts of the most popular category, by age group", _popular_by_group),
    "q5_median_followers_by_age_group": ("Median follower count, by age group", _median_by),
    "q6_users_joined_by_year": ("Users who joined, by year", _joined),
    "q7_median_followers_by_joining_year": ("Median follower count, by year of joining", _median_by),
    "q8_median_followers_by_joining_year_and_age_group": (
        "Median follower count, by year of joining and age group",
        _median_by_both,
    ),
}
"""The measure and the drawer of every answer, by its name."""
