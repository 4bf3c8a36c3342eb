"""JSON by the standard: Python's own parser and writer also accept and write NaN, which other readers reject."""

import json
from collections.abc import Mapping
from typing import NoReturn

TYPE_NAMES: Mapping[type, str] = {
    dict: "object",
    list: "array",
    str: "string",
    bool: "boolean",
    int: "integer",
    float: "number",
    type(None): "null",
}
"""Type of a parsed value -> what JSON schemas call it."""


def parse(text: bytes) -> object:
    """Return the value of a JSON text in UTF-8.

    Raises:
        ValueError: It is not JSON, or nested too deeply to read.
    """
    try:
        value: object = _DECODER.decode(text.decode("utf-8"))
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def compact(value: object) -> bytes:
    """Return the value as JSON on one line without spaces, in UTF-8.

    Raises:
        ValueError: It holds a number that JSON does not have.
    """
    try:
        return _ENCODER.encode(value).encode("utf-8")
    except UnicodeEncodeError:
        # An unpaired surrogate is a legal escape and impossible in UTF-8.
        return _ASCII_ENCODER.encode(value).encode("utf-8")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")


# Created once: json.loads and json.dumps create one per call with any option, which costs as much as a small record.
_DECODER = json.JSONDecoder(parse_constant=_refuse)
_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, allow_nan=False)
_ASCII_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)
