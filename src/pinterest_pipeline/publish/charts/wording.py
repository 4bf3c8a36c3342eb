"""Formats values for a page: numbers, times, lists and labels."""

from collections.abc import Sequence

UNKNOWN = "unknown"
NO_VALUE = "\N{EN DASH}"
_MINUTE = 60


def number(value: float) -> str:
    """Return the number with thousands separators and at most one decimal: 12,000,000 or 1,234.5."""
    return f"{value:,.1f}".removesuffix(".0")


def compact(value: float) -> str:
    """Return the number in few characters, with the suffix k or M: 766, 217k or 1.2M."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{number(value / unit)}{letter}"
    return number(value)


def duration(seconds: float) -> str:
    """Return the time as `4.2 s` or `1 min 12 s`."""
    if round(seconds, 1) < _MINUTE:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), _MINUTE)
    return f"{minutes:,} min {rest} s"


def cell(value: object, column: str) -> str:
    """Return one value of a table as text; years are labels, so they take no separators."""
    if value is None:
        return NO_VALUE
    if is_number(column) and isinstance(value, int | float):
        return number(value)
    return str(value)


def is_number(column: str) -> bool:
    """Return whether a column has numbers to compare, rather than labels."""
    return column.endswith("_count") or column.startswith("number_")


def heading(column: str) -> str:
    """Return a column's name in plain words: `post_year` is `post year`."""
    return column.replace("_", " ")


def label(value: object) -> str:
    """Return a name as text."""
    return UNKNOWN if value is None else str(value)


def shorten(text: str, length: int) -> str:
    """Return the text in no more than so many characters."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def together(names: Sequence[str], most: int = 3) -> str:
    """Return the names as one text, `art, finance and 3 more` where there are more than `most`."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most:,} more"
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
