"""Parses timestamps: ISO 8601, or a pattern of Java's `SimpleDateFormat` as in Databricks' option."""

import re
from datetime import UTC, datetime, timedelta, timezone

_FIELDS = {
    "yyyy": r"(?P<year>\d{4})",
    "MM": r"(?P<month>\d{2})",
    "dd": r"(?P<day>\d{2})",
    "HH": r"(?P<hour>\d{2})",
    "mm": r"(?P<minute>\d{2})",
    "ss": r"(?P<second>\d{2})",
    "SSS": r"(?P<milli>\d{3})",
}
_LOWEST = {"year": 1970, "month": 1, "day": 1, "hour": 0, "minute": 0, "second": 0}
_ZONE = r"(?P<zone>Z|UTC|GMT|[+-]\d{2}:?\d{2})"
_TOKEN = re.compile(r"'(?P<quoted>[^']*)'|(?P<letters>([A-Za-z])\3*)|(?P<other>.)")
_SIGNED = re.compile(r"([+-])(\d{2}):?(\d{2})")


def milliseconds(text: str, pattern: str = "") -> int:
    """Return a timestamp in milliseconds since 1970; without a zone it is UTC.

    Args:
        text: The timestamp.
        pattern: Its pattern: yyyy MM dd HH mm ss SSS, a zone (Z, X, XX, XXX, z: an offset, Z, UTC or GMT), text in
            single quotes. Empty for ISO 8601.

    Raises:
        ValueError: The text does not match the pattern, or the pattern has other letters.
    """
    timestamp = _by_pattern(text, pattern) if pattern else datetime.fromisoformat(text)
    return round((timestamp if timestamp.tzinfo else timestamp.replace(tzinfo=UTC)).timestamp() * 1000)


def _by_pattern(text: str, pattern: str) -> datetime:
    expression = "".join(_expression(token) for token in _TOKEN.finditer(pattern))
    match = re.fullmatch(expression, text)
    if not match:
        raise ValueError(f"{text!r} does not match the pattern {pattern!r}")
    found = match.groupdict()
    numbers = {name: int(found.get(name) or low) for name, low in _LOWEST.items()}
    seconds = datetime(**numbers, tzinfo=_zone(found.get("zone") or "Z"))
    return seconds + timedelta(milliseconds=int(found.get("milli") or 0))


def _expression(token: re.Match[str]) -> str:
    letters = token["letters"]
    if not letters:
        return re.escape(token["quoted"] or token["other"] or "'")
    if letters[0] in "ZXz":
        return _ZONE
    if letters not in _FIELDS:
        raise ValueError(f"unknown letters {letters} in a pattern")
    return _FIELDS[letters]


def _zone(text: str) -> timezone:
    signed = _SIGNED.fullmatch(text)
    if not signed:
        return UTC
    offset = timedelta(hours=int(signed[2]), minutes=int(signed[3]))
    return timezone(-offset if signed[1] == "-" else offset)
