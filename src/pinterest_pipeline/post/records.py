"""Records to post: a key, and the value as JSON text."""

import json
import math
import re
import sys
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple, NoReturn


class Record(NamedTuple):
    """One row to post.

    Attributes:
        key: The row's key; None if it is not a usable integer.
        value: The row as JSON text, ASCII only, so that its length in characters is its length in bytes.
        position: Its position in the source: the key in a database, the byte offset of its line in a file.
        flaw: Why the row cannot be sent; empty if it can.
    """

    key: int | None
    value: str
    position: int
    flaw: str = ""


class Place(NamedTuple):
    """Where reading resumes.

    Attributes:
        position: In a database the position of the last row read; in a file the offset after it.
        check: CRC-32 of the file up to there, to detect changes; None for a database.
    """

    position: int
    check: int | None = None


@dataclass(frozen=True)
class Page:
    """Consecutive rows of the source.

    Attributes:
        records: The rows, in the source's order.
        last: Where the next page starts.
    """

    records: tuple[Record, ...]
    last: Place


def json_text(value: object) -> str:
    """Return a value as compact ASCII JSON; values that JSON cannot express become text.

    Timestamps become `YYYY-MM-DD HH:MM:SS` in UTC, with a fraction if it is not zero, decimals become numbers if a
    double can hold them, and NaN and the infinities become their names.
    """
    try:
        return _ENCODER.encode(value)
    except ValueError:  # a NaN or an infinity inside: rare, so the value is traversed only then
        return _ENCODER.encode(_finite(value))


def parsed_json(text: str) -> object:
    """Parse a JSON text; a number that a double cannot hold becomes its text, which no JSON parser on the way changes.

    Raises:
        ValueError: It is not JSON, is nested too deeply, or has a field twice, of which parsers keep one.
    """
    try:
        value: object = _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def exact_number(text: str) -> float | str:
    """Return a decimal number's text as the double that equals it, or unchanged if none does."""
    number = float(text)
    if repr(number) == text or (math.isfinite(number) and Decimal(text) == Decimal(repr(number))):
        return number
    return text


def utf8_flaw(data: bytes) -> str:
    """Return why bytes cannot be sent as text; empty if they are UTF-8."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return f"expected text in UTF-8, got the byte 0x{data[error.start]:02x} at {error.start}"
    return ""


def undecoded_flaw(text: str) -> str:
    """Return why a text that was decoded with `surrogateescape` cannot be sent; empty if it can."""
    if text.isascii() or not _UNDECODED.search(text):
        return ""
    return utf8_flaw(text.encode("utf-8", errors="surrogateescape"))


def whole_number(value: object) -> int | None:
    """Return the value if it is an integer, else None; a boolean is not one."""
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def loose_whole_number(value: object) -> int | None:
    """Return a value that cleaning reads as an integer as one, including 36.0, "36" and " 3.6e1 ".

    Rows that become one clean row need the same Kafka key: across partitions their order is undefined.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(text := value.strip()):
        value = float(text)
    if isinstance(value, float) and value.is_integer() and abs(value) < _KEYS_END:
        return int(value)
    return whole_number(value)


def timestamp_text(value: date) -> str:
    """Return a timestamp, or a day, as `YYYY-MM-DD HH:MM:SS` in UTC, with a fraction if it is not zero."""
    if not isinstance(value, datetime):
        return f"{value.isoformat()} 00:00:00"
    utc = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
    return utc.isoformat(sep=" ")


def decimal_number(value: Decimal) -> int | float | str:
    """Return a decimal as a number; as its text if it is not finite or exceeds every double."""
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
    raise ValueError(f"{constant} is not JSON")


def _each_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a field occurs twice")
    return fields


_KEYS_END = 2**31
# As in cleaning, which cannot be imported here: it needs Spark.
_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d{1,3})?", re.ASCII)
# The code points of `surrogateescape` for bytes that are not UTF-8.
_UNDECODED = re.compile("[\udc80-\udcff]")
# Created once: json.loads creates a decoder per call if any option is given.
_DECODER = json.JSONDecoder(object_pairs_hook=_each_once, parse_float=exact_number, parse_constant=_no_json)
_ENCODER = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_plain)
