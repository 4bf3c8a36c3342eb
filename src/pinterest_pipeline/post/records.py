"""What is posted: a record's key and its value, already as JSON text."""

import json
import math
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple, NoReturn


class Record(NamedTuple):
    """One row on its way to a topic.

    Attributes:
        key: The row's key; None where the row has no usable whole number there.
        value: The row as JSON text, ASCII only, so that its length in characters is its length in bytes.
        position: Where the row is in its source: its key in a database, the byte its line begins at in a file.
        flaw: Why the row cannot be sent at all; empty where it can.
    """

    key: int | None
    value: str
    position: int
    flaw: str = ""


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
    """Write a value as compact ASCII JSON; what JSON cannot say becomes text.

    Timestamps become `YYYY-MM-DD HH:MM:SS` in UTC with a fraction only where there is one, decimals become numbers
    where a double holds them, and NaN and the infinities become their names.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError:  # a NaN or an infinity somewhere inside: rare, so only then is the value walked through
        return _ENCODER.encode(_finite(value))


def parsed_json(text: str) -> object:
    """Read a JSON text; a number that a double does not hold becomes its text, which no JSON on the way can change.

    Raises:
        ValueError: It is no JSON, is nested too deeply, or has a field twice, of which JSON keeps one.
    """
    try:
        value: object = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def exact_number(text: str) -> float | str:
    """Return a decimal number's text as the double that equals it, or as it is where no double does."""
    number = float(text)
    if repr(number) == text or (math.isfinite(number) and Decimal(text) == Decimal(repr(number))):
        return number
    return text


def utf8_flaw(data: bytes) -> str:
    """Return why bytes cannot be sent as text; empty where they are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"expected text in UTF-8, got the byte 0x{data[error.start]:02x} at {error.start}"
    return ""


def undecoded_flaw(text: str) -> str:
    """Return why a text that was decoded with `surrogateescape` cannot be sent; empty where it can."""
    if text.isascii() or not _UNDECODED.search(text):
        return ""
    return utf8_flaw(text.encode("utf-8", errors="surrogateescape"))


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


def timestamp_text(value: date) -> str:
    """Return a timestamp, or a day, as `YYYY-MM-DD HH:MM:SS` in UTC with a fraction only where there is one."""
    if not isinstance(value, datetime):
        return f"{value.isoformat()} 00:00:00"
    utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return utc.isoformat(sep=" ")


def decimal_number(value: Decimal) -> int | float | str:
    """Return a decimal as a number; as its text where it is none that is finite, or beyond every double."""
    if not value.is_finite() or value.adjusted() > sys.float_info.max_10_exp:
        return str(value)
    if value == value.to_integral_value():
        return int(value)
    return float(value)


def _plain(value: object) -> object:
    if isinstance(value, date):
        return timestamp_text(value)
    if isinstance(value, Decimal):
        return decimal_number(value)
    return str(value)


def _finite(value: object) -> object:
    if isinstance(value, dict):
        return {name: _finite(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_finite(inner) for inner in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _no_json(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field is there twice")
    return fields


_KEYS_END = 2**31
# Cleaning's own, which cannot be imported here: it needs Spark.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
# What `surrogateescape` makes of bytes that are no UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")
# Made once: json.loads makes one a call where any option is given.
_DECODER = json.JSONDecoder(object_pairs_hook=_each_once, parse_float=exact_number, parse_constant=_no_json)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
