"""What is posted: a record's key and its value, already as JSON text."""

import json
import math
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


@dataclass(frozen=True)
class Page:
    """Some rows that follow each other in the source.

    Attributes:
        records: The rows, in the source's order.
        last: The position after which the next page begins.
    """

    records: tuple[Record, ...]
    last: int


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


_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
