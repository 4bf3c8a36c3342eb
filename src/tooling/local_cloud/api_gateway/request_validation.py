"""Validates a body by its request model, with API Gateway's rules and messages."""

import json
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from jsonschema import Draft4Validator
from jsonschema.exceptions import SchemaError, ValidationError

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.strict_json import TYPE_NAMES, parse

_MAX_SHOWN = 200
_MAX_REASONS = 10
_MAX_FAULTS = 1000


class RequestModel:
    """A request model.

    Args:
        schema: A JSON schema of draft 4, without references.

    Raises:
        LocalCloudError: It is not such a schema.
    """

    def __init__(self, schema: Mapping[str, object]) -> None:
        """Check the schema."""
        try:
            Draft4Validator.check_schema(schema)
        except SchemaError as error:
            raise LocalCloudError(f"not a request model: {error.message}") from error
        self._validator = Draft4Validator(schema)

    def refusal(self, body: bytes) -> str | None:
        """Return a body's faults in one line; None for a valid body.

        The line does not name the record, as in API Gateway.
        """
        try:
            value = parse(body)
        except ValueError:
            return "[the body is not JSON in UTF-8]"
        # A mistake is often in every record, so a long list is not validated to its end.
        faults = islice(self._validator.iter_errors(value), _MAX_FAULTS)
        reasons = list(dict.fromkeys(map(_reason, faults)))
        return f"[{', '.join(reasons[:_MAX_REASONS])}]" if reasons else None


def _reason(error: ValidationError) -> str:
    word = _WORDING.get(str(error.validator))
    return word(error.validator_value, error.instance) if word else _shown(error.message)


def _missing(wanted: list[str], found: dict[str, object]) -> str:
    return f"object has missing required properties ({_list(sorted(set(wanted) - set(found)))})"


def _type(wanted: str, found: object) -> str:
    kind = TYPE_NAMES[type(found)]
    return f"instance type ({kind}) does not match any allowed primitive type (allowed: {_list([wanted])})"


def _too_short(least: int, found: str) -> str:
    return f'string "{_shown(found)}" is too short (length: {len(found)}, required minimum: {least})'


def _too_long(most: int, found: str) -> str:
    return f'string "{_shown(found)}" is too long (length: {len(found)}, maximum allowed: {most})'


def _too_few(least: int, found: list[object]) -> str:
    return f"array is too short: must have at least {least} elements but instance has {len(found)} elements"


def _too_many(most: int, found: list[object]) -> str:
    return f"array is too long: must have at most {most} elements but instance has {len(found)} elements"


def _too_small(least: float, found: float) -> str:
    return f"numeric instance is lower than the required minimum (minimum: {least}, found: {found})"


def _too_large(most: float, found: float) -> str:
    return f"numeric instance is greater than the required maximum (maximum: {most}, found: {found})"


def _pattern(pattern: str, found: str) -> str:
    return f'ECMA 262 regex "{pattern}" does not match input string "{_shown(found)}"'


_WORDING: Mapping[str, Callable[[Any, Any], str]] = {
    "required": _missing,
    "type": _type,
    "minLength": _too_short,
    "maxLength": _too_long,
    "minItems": _too_few,
    "maxItems": _too_many,
    "minimum": _too_small,
    "maximum": _too_large,
    "pattern": _pattern,
}


def _list(values: list[str]) -> str:
    return json.dumps(values, separators=(",", ":"))


def _shown(text: str) -> str:
    # A rejected record can have a megabyte; its beginning identifies it.
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}..."
