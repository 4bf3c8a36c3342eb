"""Reads an OpenAPI document with API Gateway's extensions: routes, methods, integrations, authorisation.

Pure: from text to plain values. Anything that this gateway cannot execute is rejected at its start, not when a request
arrives.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from tooling.local_cloud.api_gateway.gateway_responses import GatewayResponse, read_gateway_responses
from tooling.local_cloud.api_gateway.integrations import ANY, PATH_PARAMETER, Deployment, Integration, read_integration
from tooling.local_cloud.api_gateway.request_validation import RequestModel
from tooling.local_cloud.errors import LocalCloudError

SIGV4, API_KEY = "awsSigv4", "apiKey"
"""Kinds of security scheme."""

_ANY_METHOD = "x-amazon-apigateway-any-method"
_INTEGRATION = "x-amazon-apigateway-integration"
_AUTHTYPE = "x-amazon-apigateway-authtype"
_VALIDATOR = "x-amazon-apigateway-request-validator"
_MODEL = "#/components/schemas/"
_VERBS = ("get", "put", "post", "delete", "options", "head", "patch")


@dataclass(frozen=True)
class Operation:
    """What one method of a route does.

    Attributes:
        integration: Where its requests go.
        security: Kinds of security scheme that a request must satisfy, all of them.
        models: Content type -> the request model of its bodies.
    """

    integration: Integration
    security: frozenset[str]
    models: Mapping[str, RequestModel]


@dataclass(frozen=True)
class Route:
    """One path of the document.

    Attributes:
        pattern: Matches a whole path; its groups are the path parameters.
        parameters: Their names.
        operations: By method.
    """

    pattern: re.Pattern[str]
    parameters: tuple[str, ...]
    operations: Mapping[str, Operation]


@dataclass(frozen=True)
class Api:
    """A document ready to be executed.

    Attributes:
        routes: In the order in which they are tried: the most specific first, greedy ones last.
        responses: API Gateway's own responses that the document changes.
    """

    routes: tuple[Route, ...]
    responses: Mapping[str, GatewayResponse]

    def find(self, method: str, path: str) -> tuple[Operation, Mapping[str, str]] | None:
        """Return the operation of a request and its path parameters; None where the document has none."""
        for route in self.routes:
            found = route.pattern.fullmatch(path)
            if found:
                operation = route.operations.get(method, route.operations.get(ANY))
                return (operation, dict(zip(route.parameters, found.groups(), strict=True))) if operation else None
        return None


def read_api(text: str, deployment: Deployment) -> Api:
    """Return the API that a document describes.

    Args:
        text: The document, YAML or JSON.
        deployment: The values that the document refers to.

    Raises:
        LocalCloudError: It is not such a document, needs a stage variable that is not given, or uses something that
            this gateway does not execute.
    """
    try:
        document = yaml.load(text, yaml.CSafeLoader)
        reader = _Reader(document, deployment)
        paths = sorted(document["paths"].items(), key=lambda item: _order(item[0]))
        return Api(tuple(reader.route(path, item) for path, item in paths), read_gateway_responses(document))
    except (yaml.YAMLError, KeyError, TypeError, AttributeError, re.error) as error:
        raise LocalCloudError(f"not an OpenAPI document with API Gateway's extensions: {error!r}") from error


class _Reader:
    """Reads routes; holds what they refer to."""

    def __init__(self, document: Mapping[str, Any], deployment: Deployment) -> None:
        components = document.get("components", {})
        self._schemes = {name: _kind(scheme) for name, scheme in components.get("securitySchemes", {}).items()}
        self._schemas: Mapping[str, Any] = components.get("schemas", {})
        self._validators: Mapping[str, Any] = document.get(f"{_VALIDATOR}s", {})
        self._validator = document.get(_VALIDATOR)
        self._deployment = deployment

    def route(self, path: str, item: Mapping[str, Any]) -> Route:
        methods = {
            ANY if name == _ANY_METHOD else name.upper(): item[name] for name in (_ANY_METHOD, *_VERBS) if name in item
        }
        for parameter in (one for part in (item, *methods.values()) for one in part.get("parameters", ())):
            # A path would not lead here without its own.
            if parameter.get("required") and parameter["in"] != "path":
                raise LocalCloudError(f"{path}: this gateway checks path parameters; got {parameter['name']}")
        operations = {method: self._operation(path, operation) for method, operation in methods.items()}
        return Route(*_pattern(path), operations)

    def _operation(self, path: str, operation: Mapping[str, Any]) -> Operation:
        # API Gateway requires every scheme that is listed, where OpenAPI would accept any one of them.
        security = frozenset(self._schemes[name] for one in operation.get("security", []) for name in one)
        integration = read_integration(path, operation[_INTEGRATION], self._deployment)
        return Operation(integration, security, self._models(operation))

    def _models(self, operation: Mapping[str, Any]) -> Mapping[str, RequestModel]:
        validator = operation.get(_VALIDATOR, self._validator)
        if validator is None or not self._validators[validator].get("validateRequestBody"):
            return {}
        content = operation.get("requestBody", {}).get("content", {})
        return {kind: RequestModel(self._schema(media["schema"])) for kind, media in content.items()}

    def _schema(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        name: str = schema.get("$ref", "")
        return self._schemas[name.removeprefix(_MODEL)] if name else schema


def _kind(scheme: Mapping[str, str]) -> str:
    if scheme.get(_AUTHTYPE) == SIGV4:
        return SIGV4
    if scheme["type"] == "apiKey" and scheme["name"].lower() == "x-api-key" and scheme["in"] == "header":
        return API_KEY
    raise LocalCloudError(f"this gateway verifies {SIGV4} and x-api-key; the document has the scheme {dict(scheme)}")


def _order(path: str) -> tuple[bool, int, int]:
    parameters = PATH_PARAMETER.findall(path)
    return any(greedy for _, greedy in parameters), len(parameters), -len(path)


def _pattern(path: str) -> tuple[re.Pattern[str], tuple[str, ...]]:
    pieces, names, end = [], [], 0
    for found in PATH_PARAMETER.finditer(path):
        pieces += [re.escape(path[end : found.start()]), "(.+)" if found[2] else "([^/]+)"]
        names.append(found[1])
        end = found.end()
    return re.compile("".join(pieces) + re.escape(path[end:])), tuple(names)
