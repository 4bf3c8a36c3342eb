"""What is posted: a record's key and its value, already as JSON text."""

import json
import math
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple


class Record(NamedTuple):
    """One row on its way to a topic.

    Attributes:
        key: The row's key; None where the row has no usable whole number there.
        value: The row as JSON text, ASCII only, so that its length in characters is its length in bytes.
        position: Where the row is in its source: its key in a database, the byte its line begins at in a file.
    """

    key: int | None
    value: str
    position: int


class Place(NamedTuple):
    """Where reading goes on.

    Attributes:
        position: Of the last row read in a database; after the last row read in a file.
        check: CRC-32 of everything up to there, which shows whether it is still the same; None: there is no need.
    """

    position: int
    check: int | None = None


@dataclass(frozen=True)
class Page:
    """Some rows that follow each other in the source.

    Attributes:
        records: The rows, in the source's order.
        last: The place after which the next page begins.
    """

    records: tuple[Record, ...]
    last: Place


def json_text(value: object) -> str:
    """Write a value as compact ASCII JSON; what JSON cannot say becomes the nearest thing that it can.

    Moments become `YYYY-MM-DD HH:MM:SS` in UTC with a fraction only where there is one, decimals become numbers,
    bytes become text, and NaN and the infinities become null.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError:  # a NaN or an infinity somewhere inside: rare, so only then is the value walked through
        return _ENCODER.encode(_finite(value))


def whole_number(value: object) -> int | None:
    """Return the value if it is a whole number that can be a key, else None (a boolean is none)."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def loose_whole_number(value: object) -> int | None:
    """Return what cleaning takes for a whole number as one: also 36.0, "36" and " 3.6e1 ".

    Rows that will be one row need one Kafka key, or they land in partitions that say nothing about their order.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        value = float(text)
    if isinstance(value, float) and value.is_integer() and abs(value) < _KEYS_END:
        return int(value)
    return whole_number(value)


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        return utc.isoformat(sep=" ")
    if isinstance(value, date):
        return f"{value.isoformat()} 00:00:00"
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", errors="backslashreplace")
    return str(value)


def _number(value: Decimal) -> int | float | None:
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


_KEYS_END = 2**31
# Cleaning's own, which cannot be imported here: it needs Spark.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
