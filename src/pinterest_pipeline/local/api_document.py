"""Reads an OpenAPI document with API Gateway's extensions: routes, methods, integrations, who may call.

Pure: from text to plain values. Only what API Gateway itself would execute is taken; anything this gateway cannot
execute is refused when it starts, not when a request arrives.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from pinterest_pipeline.errors import LocalCloudError

ANY = "ANY"
"""Stands for every method, in a route or in an integration."""

SIGV4, API_KEY = "awsSigv4", "apiKey"
"""Kinds of security scheme."""

_ANY_METHOD = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHTYPE = "x-amazon-apigateway-authtype"
_VERBS = ("get", "put", "post", "delete", "options", "head", "patch")
_PARAMETER = re.compile(r"\{(\w+)(\+?)\}")
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_PATH_MAPPING = re.compile(r"integration\.request\.path\.(\w+)")
_PATH_SOURCE = re.compile(r"method\.request\.path\.(\w+)")


@dataclass(frozen=True)
class Integration:
    """Where a request goes.

    Attributes:
        method: The method to use there; ANY for the client's own.
        uri: The address, stage variables filled in, path parameters still as {name}.
        path: Path parameter of the address -> path parameter of the request.
        seconds: The longest to wait for an answer.
    """

    method: str
    uri: str
    path: Mapping[str, str]
    seconds: float

    def address(self, parameters: Mapping[str, str]) -> str:
        """Return the address of one request, given its path parameters."""
        return _PARAMETER.sub(lambda found: parameters[self.path[found[1]]], self.uri)


@dataclass(frozen=True)
class Operation:
    """What one method of a route does.

    Attributes:
        integration: Where its requests go.
        security: Kinds of security scheme that a request must satisfy, all of them.
    """

    integration: Integration
    security: frozenset[str]


@dataclass(frozen=True)
class Route:
    """One path of the document.

    Attributes:
        pattern: Matches a whole path; its groups are the path parameters.
        operations: By method.
    """

    pattern: re.Pattern[str]
    operations: Mapping[str, Operation]


@dataclass(frozen=True)
class Api:
    """A document ready to be executed.

    Attributes:
        routes: In the order in which they are tried: the most specific first, greedy ones last.
    """

    routes: tuple[Route, ...]

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Return the operation of a request and its path parameters; None where the document has none."""
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if found:
                operation = route.operations.get(method, route.operations.get(ANY))
                return (operation, found.groupdict()) if operation else None
        return None


def read_api(text: str, stage: Mapping[str, str]) -> Api:
    """Return the API that a document describes.

    Args:
        text: The document, YAML or JSON.
        stage: The stage's variables.

    Raises:
        LocalCloudError: It is no such document, needs a stage variable that is not given, or asks for something this
            gateway does not execute.
    """
    try:
        document = yaml.safe_load(text)
        schemes = {name: _kind(scheme) for name, scheme in _schemes(document).items()}
        paths = sorted(document["paths"].items(), key=lambda item: _order(item[0]))
        return Api(tuple(_route(path, item, schemes, stage) for path, item in paths))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise LocalCloudError(f"not an OpenAPI document with API Gateway's extensions: {error!r}") from error


def _schemes(document: Mapping[str, Any]) -> Mapping[str, Any]:
    schemes: Mapping[str, Any] = document.get("components", {}).get("securitySchemes", {})
    return schemes


def _kind(scheme: Mapping[str, str]) -> str:
    if scheme.get(_AUTHTYPE) == SIGV4:
        return SIGV4
    if scheme["type"] == "apiKey" and scheme["name"].lower() == "x-api-key" and scheme["in"] == "header":
        return API_KEY
    raise LocalCloudError(f"this gateway verifies {SIGV4} and x-api-key; the document has the scheme {dict(scheme)}")


def _order(path: str) -> tuple[bool, int, int]:
    parameters = _PARAMETER.findall(path)
    return any(greedy for _, greedy in parameters), len(parameters), -len(path)


def _route(path: str, item: Mapping[str, Any], schemes: Mapping[str, str], stage: Mapping[str, str]) -> Route:
    methods = {
        ANY if name == _ANY_METHOD else name.upper(): item[name] for name in (_ANY_METHOD, *_VERBS) if name in item
    }
    operations = {method: _operation(path, operation, schemes, stage) for method, operation in methods.items()}
    return Route(_pattern(path), operations)


def _pattern(path: str) -> re.Pattern[str]:
    pieces, end = [], 0
    for found in _PARAMETER.finditer(path):
        pieces += [re.escape(path[end : found.start()]), f"(?P<{found[1]}>{'.+' if found[2] else '[^/]+'})"]
        end = found.end()
    return re.compile("".join(pieces) + re.escape(path[end:]))


def _operation(
    path: str, operation: Mapping[str, Any], schemes: Mapping[str, str], stage: Mapping[str, str]
) -> Operation:
    # API Gateway asks for every scheme that is listed, where OpenAPI itself would take any one of them.
    security = frozenset(schemes[name] for requirement in operation.get("security", []) for name in requirement)
    return Operation(_integration(path, operation[_INTEGRATION], stage), security)


def _integration(path: str, integration: Mapping[str, Any], stage: Mapping[str, str]) -> Integration:
    if integration["type"].lower() != "http_proxy":
        raise LocalCloudError(f"this gateway executes http_proxy; {path} has the integration {integration['type']}")
    uri = _STAGE_VARIABLE.sub(lambda found: _stage_variable(found[1], stage), integration["uri"])
    mapping = dict(_path_mapping(path, integration.get("requestParameters", {}).items()))
    have, need = {name for name, _ in _PARAMETER.findall(path)}, {name for name, _ in _PARAMETER.findall(uri)}
    if not (need <= mapping.keys() and set(mapping.values()) <= have):
        raise LocalCloudError(f"{path}: each path parameter of {uri} must be mapped from one of the request's")
    return Integration(
        integration["httpMethod"].upper(), uri, mapping, integration.get("timeoutInMillis", 29000) / 1000
    )


def _stage_variable(name: str, stage: Mapping[str, str]) -> str:
    if name not in stage:
        raise LocalCloudError(f"the document needs the stage variable {name}; give it as {name}=value")
    return stage[name]


def _path_mapping(path: str, parameters: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for target, source in parameters:
        to, what = _PATH_MAPPING.fullmatch(target), _PATH_SOURCE.fullmatch(source)
        if to is None or what is None:
            raise LocalCloudError(f"{path}: this gateway maps path parameters only; got {target}: {source}")
        yield to[1], what[1]
