"""Mapping templates as API Gateway renders them: the Velocity language with $input, $util, $context, $stageVariables.

A stand-in for API Gateway's own engine. Of JSONPath, names and positions are supported ($.records[0].data); other
expressions are rejected.
"""

import base64
import json
import re
import urllib.parse
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import airspeed
import airspeed.operators

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.strict_json import compact, parse

# The engine takes a value equal to this word as a sign to print the template's own text: senders must not know it.
airspeed.operators.REPLACE_FORMAL_TEXT = object()

_STEP = re.compile(r"\.(?P<name>[\w-]+)|\[(?:'(?P<quoted>[^']*)'|(?P<position>\d+))\]")
_SHORT_ESCAPES = {character: f"\\{character}" for character in "\"'\\/"} | {
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
}
_ESCAPED = re.compile(r"[\"'\\/\x00-\x1f\x80-\U0010ffff]")


@dataclass(frozen=True)
class Parameters:
    """A request's parameters.

    Attributes:
        path: Path parameters, percent escapes undone.
        querystring: The query's.
        header: Headers.
    """

    path: Mapping[str, str] = field(default_factory=dict)
    querystring: Mapping[str, str] = field(default_factory=dict)
    header: Mapping[str, str] = field(default_factory=dict)


class Input:
    """$input: the body and the parameters of the request.

    Args:
        body: The body; nothing is an empty object.
        parameters: The request's parameters.
    """

    def __init__(self, body: bytes, parameters: Parameters) -> None:
        """Keep both; the body is parsed when a template first reads a path of it."""
        self._body = body
        self._parameters = parameters

    @property
    def body(self) -> str:
        """The body as text."""
        return self._body.decode("utf-8", "replace")

    def path(self, path: str) -> object:
        """Return the value at a JSONPath; None where there is none.

        Raises:
            ValueError: The body is not JSON.
            LocalCloudError: The path has more than names and positions.
        """
        value = self._value
        for step in _steps(path):
            if isinstance(value, dict) and isinstance(step, str):
                value = value.get(step)
            elif isinstance(value, list) and isinstance(step, int) and step < len(value):
                value = value[step]
            else:
                return None
        return value

    def json(self, path: str) -> str:
        """Return the value at a JSONPath as JSON text; an empty text where there is none.

        Raises:
            ValueError: The body is not JSON.
            LocalCloudError: The path has more than names and positions.
        """
        value = self.path(path)
        return "" if value is None else compact(value).decode("utf-8")

    def params(self, name: str | None = None) -> object:
        """Return one parameter, looked for in path, query and headers in this order; without a name, all of them."""
        groups = (self._parameters.path, self._parameters.querystring, self._parameters.header)
        if name is None:
            return dict(zip(("path", "querystring", "header"), groups, strict=True))
        return next((group[name] for group in groups if name in group), "")

    @cached_property
    def _value(self) -> object:
        return parse(self._body) if self._body else {}


class Template:
    """A mapping template, parsed once and rendered for each request.

    Args:
        text: The template.

    Raises:
        LocalCloudError: It is not a Velocity template.
    """

    def __init__(self, text: str) -> None:
        """Parse it."""
        self._template = airspeed.Template(text)
        try:
            self._template.ensure_compiled()
        except airspeed.TemplateError as error:
            raise LocalCloudError(f"not a mapping template: {error}") from error

    def render(self, source: Input, context: Mapping[str, object], stage: Mapping[str, str]) -> str:
        """Render the template.

        Args:
            source: $input.
            context: $context; a template may set its responseOverride.status.
            stage: $stageVariables.

        Raises:
            LocalCloudError: Rendering fails for this input.
        """
        names = {"input": source, "util": UTIL, "context": context, "stageVariables": stage}
        try:
            rendered: str = self._template.merge(names)
        except airspeed.TemplateError as error:
            # Its own text would show what was being inserted.
            raise LocalCloudError(f"the mapping template failed: {type(error.__cause__).__name__}") from error
        return rendered


def _steps(path: str) -> list[str | int]:
    steps, end = list[str | int](), 1
    for found in _STEP.finditer(path, 1):
        if found.start() != end:
            break
        position = found["position"]
        steps.append(found["name"] or found["quoted"] if position is None else int(position))
        end = found.end()
    if not path.startswith("$") or end != len(path):
        raise LocalCloudError(f"this gateway follows names and positions such as $.records[0].data; got {path!r}")
    return steps


def _escape_javascript(text: object) -> str:
    # As between quotes in JavaScript: ' is escaped too, which JSON does not know.
    return _ESCAPED.sub(_escape, _text(text))


def _escape(found: re.Match[str]) -> str:
    character = found[0]
    short = _SHORT_ESCAPES.get(character)
    if short is not None:
        return short
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex().upper()}" for at in range(0, len(units), 2))


def _base64_encode(text: object) -> str:
    # An unpaired surrogate has no UTF-8: it becomes ?, as in Java.
    return base64.b64encode(_text(text).encode("utf-8", "replace")).decode("ascii")


def _base64_decode(text: object) -> str:
    return base64.b64decode(_text(text)).decode("utf-8", "replace")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


UTIL: Mapping[str, Callable[[str], object]] = {
    "escapeJavaScript": _escape_javascript,
    "base64Encode": _base64_encode,
    "base64Decode": _base64_decode,
    "parseJson": json.loads,
    "urlEncode": urllib.parse.quote_plus,
    "urlDecode": urllib.parse.unquote_plus,
}
"""$util: what API Gateway gives templates to convert texts with."""
