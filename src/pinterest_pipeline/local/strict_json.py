"""JSON as the standard has it: Python's own parser and writer also take and make NaN, which no one else reads."""

import json
from typing import NoReturn


def parse(text: bytes) -> object:
    """Return the value of a JSON text in UTF-8.

    Raises:
        ValueError: It is not JSON, or nested too deeply to read.
    """
    try:
        value: object = json.loads(text.decode("utf-8"), parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return value


def compact(value: object) -> bytes:
    """Return the value as JSON on one line without spaces, in UTF-8.

    Raises:
        ValueError: It holds a number that JSON has not.
    """
    try:
        return _write(value, ensure_ascii=False)
    except UnicodeEncodeError:
        # Half a surrogate pair is legal as an escape and impossible in UTF-8.
        return _write(value, ensure_ascii=True)


def _write(value: object, *, ensure_ascii: bool) -> bytes:
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=ensure_ascii, allow_nan=False)
    return text.encode("utf-8")


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no JSON")
