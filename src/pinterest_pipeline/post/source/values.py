"""Converts a database's values to JSON by the declared kind of their column, not by the driver's type."""

import json
import math
import re
from collections.abc import Callable
from datetime import date
from decimal import Decimal

from pinterest_pipeline.entities import Kind
from pinterest_pipeline.post.records import decimal_number, exact_number, timestamp_text

# Python's limit for parsing integers.
_INTEGER = re.compile(r"-?\d{1,4000}", re.ASCII)
_REAL = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
_EXACT_TO = 2**53
# SQLAlchemy writes every timestamp to SQLite with six fractional digits, even without a fraction.
_NO_FRACTION = ".000000"


def value_of_kind(value: object, kind: Kind) -> object:
    """Return a value in the JSON form of its column's kind; a value of another kind is returned unchanged.

    Bytes are decoded as UTF-8; invalid ones become the code points of `surrogateescape`.
    """
    if isinstance(value, bytes | bytearray | memoryview):
        value = bytes(value).decode("utf-8", errors="surrogateescape")
    return None if value is None else _WRITERS[kind](value)


def _integer(value: object) -> object:
    match value:
        case float() if value.is_integer() and abs(value) <= _EXACT_TO:
            return int(value)
        case str() if _INTEGER.fullmatch(value):
            return int(value)
        case _:
            return _number(value)


def _real(value: object) -> object:
    return exact_number(value) if isinstance(value, str) and _REAL.fullmatch(value) else _number(value)


def _number(value: object) -> object:
    match value:
        case bool():
            return int(value)
        case Decimal():
            return decimal_number(value)
        case float() if not math.isfinite(value):
            return str(value)
        case _:
            return value


def _text(value: object) -> object:
    match value:
        case bool() | float():
            return json.dumps(value)
        case int() | Decimal():
            return str(value)
        case _:
            return value


def _timestamp(value: object) -> object:
    match value:
        case date():
            return timestamp_text(value)
        case str():
            return value.removesuffix(_NO_FRACTION)
        case _:
            return value


_WRITERS: dict[Kind, Callable[[object], object]] = {
    Kind.INTEGER: _integer,
    Kind.FLAG: _integer,
    Kind.REAL: _real,
    Kind.TEXT: _text,
    Kind.COUNT: _text,
    Kind.TIMESTAMP: _timestamp,
}
