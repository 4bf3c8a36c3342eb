"""Validates requests by the service model of AWS' own clients: types first, then every constraint.

A value of another type is a SerializationException, a value that breaks a constraint a ValidationException, each in the
words of Kinesis. As there, null means a parameter that is not given, and unknown parameters are ignored.
"""

import binascii
import re
from collections.abc import Iterator, Mapping, Sized
from functools import cache
from math import isfinite
from typing import Any, cast

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, OperationNotFoundError, ServiceModel, Shape, StructureShape
from moto.core.exceptions import JsonRESTError

from tooling.local_cloud.strict_json import TYPE_NAMES, parse

_MAX_FAULTS = 10
_MAX_SHOWN = 200
_TYPES: Mapping[str, tuple[type, ...]] = {
    "structure": (dict,),
    "map": (dict,),
    "list": (list,),
    "string": (str,),
    "blob": (str,),
    "boolean": (bool,),
    "integer": (int, float),
    "long": (int, float),
    "timestamp": (int, float),
}
_WHOLE_NUMBERS = frozenset({"integer", "long"})


def read_request(action: str, body: bytes) -> dict[str, Any]:
    """Return the parameters of a request. Data stays Base64, a timestamp stays seconds since 1970.

    Args:
        action: The action.
        body: The request's body.

    Raises:
        JsonRESTError: There is no such action, or its model rejects the body.
    """
    try:
        # Every action of Kinesis has one.
        shape = cast("Shape", _model().operation_model(action).input_shape)
    except OperationNotFoundError as error:
        raise JsonRESTError("UnknownOperationException", f"Kinesis has no action {action}") from error
    try:
        value = parse(body or b"{}")
    except ValueError as error:
        raise _not_serializable(f"the body is not JSON: {error}") from error
    reader = _Reader()
    parameters = reader.read(shape, value, "")
    reader.check()
    return cast("dict[str, Any]", parameters)


def invalid(*faults: str) -> JsonRESTError:
    """Return the error of a request that breaks constraints.

    Args:
        faults: The texts of `broken`.
    """
    count = f"{len(faults)} validation error{'s' if len(faults) > 1 else ''}"
    return JsonRESTError("ValidationException", f"{count} detected: {'; '.join(faults)}")


def broken(place: str, value: object, rule: str) -> str:
    """Return the text for a constraint that a value breaks.

    Args:
        place: The parameter, as a path of names in camel case.
        value: Its value; None for none.
        rule: The constraint.
    """
    shown = "null" if value is None else f"'{str(value)[:_MAX_SHOWN]}'"
    return f"Value {shown} at '{place}' failed to satisfy constraint: Member must {rule}"


class _Reader:
    """Reads one request and collects the constraints that it breaks."""

    def __init__(self) -> None:
        self._faults: list[str] = []

    def check(self) -> None:
        if self._faults:
            raise invalid(*self._faults[:_MAX_FAULTS])

    def read(self, shape: Shape, value: object, place: str) -> object:
        kind = shape.type_name
        if type(value) not in _TYPES[kind]:
            raise _not_serializable(f"{TYPE_NAMES[type(value)]} at '{place}' can not be converted to {kind}")
        if isinstance(value, float) and not isfinite(value):
            raise _not_serializable(f"the number at '{place}' is too large")
        if isinstance(value, int | float) and kind in _WHOLE_NUMBERS:
            value = int(value)
        rules = list(_broken_rules(shape.metadata, value, _size(kind, value, place)))
        if rules:
            self._faults += (broken(place, value, rule) for rule in rules)
            # A list that is too long is not read: millions of records have as many faults.
            return value
        match shape, value:
            case StructureShape(), dict():
                return self._members(shape, value, place)
            case ListShape(), list():
                return [self.read(shape.member, one, f"{place}.{at}.member") for at, one in enumerate(value, start=1)]
            case MapShape(), dict():
                for key, one in value.items():
                    self.read(shape.key, key, f"{place}.key")
                    self.read(shape.value, one, f"{place}.{key[:_MAX_SHOWN]}.member")
        return value

    def _members(self, shape: StructureShape, value: Mapping[str, object], place: str) -> dict[str, object]:
        missing = (name for name in shape.required_members if value.get(name) is None)
        self._faults += (broken(_under(place, name), None, "not be null") for name in missing)
        return {
            name: self.read(member, value[name], _under(place, name))
            for name, member in shape.members.items()
            if value.get(name) is not None
        }


def _broken_rules(limits: Mapping[str, Any], value: object, size: float) -> Iterator[str]:
    what = "value" if isinstance(value, int) else "length"
    if size < limits.get("min", size):
        yield f"have {what} greater than or equal to {limits['min']}"
    if size > limits.get("max", size):
        yield f"have {what} less than or equal to {limits['max']}"
    if "pattern" in limits and not re.fullmatch(limits["pattern"], str(value), re.ASCII):
        yield f"satisfy regular expression pattern: {limits['pattern']}"
    if "enum" in limits and value not in limits["enum"]:
        yield f"satisfy enum value set: [{', '.join(limits['enum'])}]"


@cache
def _model() -> ServiceModel:
    return ServiceModel(Loader().load_service_model("kinesis", "service-2"), "kinesis")


def _under(place: str, name: str) -> str:
    small = name[0].lower() + name[1:]
    return f"{place}.{small}" if place else small


def _size(kind: str, value: object, place: str) -> float:
    """Return the number that minimum and maximum limit: a number itself, else a length, for data without its Base64."""
    if isinstance(value, int | float):
        return value
    try:
        if kind == "blob":
            return len(binascii.a2b_base64(str(value), strict_mode=True))
        if isinstance(value, str):
            # An unpaired surrogate is a legal escape and not text.
            value.encode()
    except ValueError as error:
        raise _not_serializable(f"the text at '{place}' can not be converted to {kind}: {error}") from error
    return len(value) if isinstance(value, Sized) else 0


def _not_serializable(reason: str) -> JsonRESTError:
    return JsonRESTError("SerializationException", reason)
