"""Reads a route's integration: an HTTP proxy, or a call of an action of an AWS service."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tooling.local_cloud.api_gateway.mapping_templates import Template
from tooling.local_cloud.errors import LocalCloudError

ANY = "ANY"
"""Stands for every method, in a route or in an integration."""

PATH_PARAMETER = re.compile(r"\{([\w.-]+)(\+?)\}")
"""A path parameter in a path or a URI; with a plus sign it matches all following segments."""

JSON = "application/json"

_LONGEST_MS = 29_000
# Services whose actions can be called, and the API version in their requests.
_VERSIONS = {"kinesis": "Kinesis_20131202"}
_STAGE_VARIABLE = re.compile(r"\$\{stageVariables\.(\w+)\}")
_PATH_MAPPING = re.compile(r"integration\.request\.path\.([\w.-]+)")
_PATH_SOURCE = re.compile(r"method\.request\.path\.([\w.-]+)")
_HEADER_MAPPING = re.compile(r"integration\.request\.header\.([\w-]+)")
_TEXT = re.compile(r"'([^']*)'")
_ACTION = re.compile(r"arn:aws:apigateway:(?P<region>[a-z0-9-]+):(?P<service>[a-z]+):action/(?P<action>\w+)")
_PSEUDO_PARAMETER = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True)
class Deployment:
    """The values that the document refers to, on AWS and in this gateway.

    Attributes:
        stage: The stage's variables.
        region: The region.
    """

    stage: Mapping[str, str]
    region: str


@dataclass(frozen=True)
class HttpProxy:
    """An HTTP proxy integration: the request is passed through.

    Attributes:
        method: The backend's method; ANY for the client's own.
        uri: The address, stage variables filled in, path parameters still as {name}.
        path: Path parameter of the address -> path parameter of the request.
        seconds: Time limit for a response.
    """

    method: str
    uri: str
    path: Mapping[str, str]
    seconds: float

    def address(self, parameters: Mapping[str, str]) -> str:
        """Return the address of one request, given its path parameters."""
        return PATH_PARAMETER.sub(lambda found: parameters[self.path[found[1]]], self.uri)


@dataclass(frozen=True)
class MappedAnswer:
    """The mapping of some responses of a service.

    Attributes:
        pattern: Matches their status; None for all other statuses.
        status: The status for the caller.
        template: Renders the caller's body; None for the service's own.
    """

    pattern: re.Pattern[str] | None
    status: int
    template: Template | None


@dataclass(frozen=True)
class AwsAction:
    """An AWS integration: a call of a service's action.

    Attributes:
        service: The service's name in its hostnames.
        region: The region.
        headers: Headers of the call; one of them names the action.
        requests: Content type of the request -> the template of the call's body.
        answers: The mappings of the service's responses.
        stage: The stage's variables, for the templates.
        seconds: Time limit for a response.
    """

    service: str
    region: str
    headers: Mapping[str, str]
    requests: Mapping[str, Template]
    answers: tuple[MappedAnswer, ...]
    stage: Mapping[str, str]
    seconds: float

    def answer(self, status: int) -> MappedAnswer | None:
        """Return the mapping of a response with this status; None where the document has none."""
        fitting = (one for one in self.answers if one.pattern and one.pattern.fullmatch(str(status)))
        default = next((one for one in self.answers if one.pattern is None), None)
        return next(fitting, default)


Integration = HttpProxy | AwsAction


def read_integration(path: str, document: Mapping[str, Any], deployment: Deployment) -> Integration:
    """Return the integration that a document describes.

    Args:
        path: The path of its route.
        document: The value of x-amazon-apigateway-integration.
        deployment: The values that the document refers to.

    Raises:
        LocalCloudError: It uses something that this gateway does not execute.
    """
    kind = document["type"].lower()
    seconds = document.get("timeoutInMillis", _LONGEST_MS) / 1000
    if kind == "http_proxy":
        return _http_proxy(path, document, deployment.stage, seconds)
    if kind == "aws":
        return _aws_action(path, document, deployment, seconds)
    raise LocalCloudError(f"this gateway executes http_proxy and aws; {path} has the integration {kind}")


def _http_proxy(path: str, document: Mapping[str, Any], stage: Mapping[str, str], seconds: float) -> HttpProxy:
    # connectionType and connectionId are ignored: they connect API Gateway to a network that this gateway is in.
    uri = _STAGE_VARIABLE.sub(lambda found: _stage_variable(found[1], stage), document["uri"])
    mapping = dict(_path_mapping(path, document.get("requestParameters", {}).items()))
    have, need = {name for name, _ in PATH_PARAMETER.findall(path)}, {name for name, _ in PATH_PARAMETER.findall(uri)}
    if not (need <= mapping.keys() and set(mapping.values()) <= have):
        raise LocalCloudError(f"{path}: each path parameter of {uri} must be mapped from one of the request's")
    return HttpProxy(document["httpMethod"].upper(), uri, mapping, seconds)


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


def _aws_action(path: str, document: Mapping[str, Any], deployment: Deployment, seconds: float) -> AwsAction:
    uri = _filled_in(document["uri"], deployment.region)
    called = _ACTION.fullmatch(uri)
    if called is None or called["service"] not in _VERSIONS or document["httpMethod"].upper() != "POST":
        raise LocalCloudError(f"{path}: this gateway calls Kinesis' actions by POST; got {uri}")
    target = {"X-Amz-Target": f"{_VERSIONS[called['service']]}.{called['action']}"}
    if document["passthroughBehavior"].lower() != "never" or not document["credentials"]:
        raise LocalCloudError(f"{path}: an aws integration must have a role and pass nothing through")
    return AwsAction(
        called["service"],
        called["region"],
        target | dict(_headers(path, document["requestParameters"].items())),
        {kind: Template(text) for kind, text in document["requestTemplates"].items()},
        tuple(_answer(pattern, answer) for pattern, answer in document["responses"].items()),
        deployment.stage,
        seconds,
    )


def _filled_in(value: Mapping[str, str] | str, region: str) -> str:
    text = value if isinstance(value, str) else value["Fn::Sub"]
    known = {"AWS::Region": region, "AWS::Partition": "aws"}
    return _PSEUDO_PARAMETER.sub(lambda found: known.get(found[1], found[0]), text)


def _headers(path: str, parameters: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for target, source in parameters:
        to, what = _HEADER_MAPPING.fullmatch(target), _TEXT.fullmatch(source)
        if to is None or what is None:
            raise LocalCloudError(f"{path}: this gateway sets headers to fixed texts; got {target}: {source}")
        yield to[1], what[1]


def _answer(pattern: str, answer: Mapping[str, Any]) -> MappedAnswer:
    text = answer.get("responseTemplates", {}).get(JSON)
    matches = None if pattern == "default" else re.compile(pattern)
    return MappedAnswer(matches, int(answer["statusCode"]), None if text is None else Template(text))
