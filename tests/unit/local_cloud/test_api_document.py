"""The API's document: valid OpenAPI, read as by API Gateway."""

from collections.abc import Iterator

import pytest
import yaml
from openapi_spec_validator import validate

from tooling.local_cloud.api_gateway.api_document import API_KEY, SIGV4, read_api
from tooling.local_cloud.api_gateway.integrations import AwsAction, Deployment, HttpProxy
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.errors import LocalCloudError

STAGE = Deployment({"restProxy": "proxy:8082"}, "us-east-1")
SHIPPED = DOCUMENT.read_text(encoding="utf-8")


def test_the_document_is_valid_openapi() -> None:
    document = yaml.safe_load(SHIPPED)
    # CloudFormation puts the prefix in.
    document["info"]["title"] = document["info"]["title"]["Fn::Sub"]
    validate(document)
    assert document["info"]["description"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_method_of_every_other_path_goes_to_the_rest_proxy(method: str) -> None:
    found = read_api(SHIPPED, STAGE).find(method, "/topics/abc.pin")
    assert found is not None
    operation, parameters = found
    assert isinstance(operation.integration, HttpProxy)
    assert operation.integration.address(parameters) == "http://proxy:8082/topics/abc.pin"
    assert operation.integration.method == "ANY"
    assert operation.integration.seconds == 29


@pytest.mark.parametrize(
    ("method", "path", "action", "parameters"),
    [
        ("GET", "/streams", "ListStreams", {}),
        ("GET", "/streams/clicks", "DescribeStream", {"stream-name": "clicks"}),
        ("POST", "/streams/clicks", "CreateStream", {"stream-name": "clicks"}),
        ("DELETE", "/streams/clicks", "DeleteStream", {"stream-name": "clicks"}),
        ("PUT", "/streams/clicks/record", "PutRecord", {"stream-name": "clicks"}),
        ("PUT", "/streams/clicks/records", "PutRecords", {"stream-name": "clicks"}),
        ("PUT", "/streams/records/record", "PutRecord", {"stream-name": "records"}),
    ],
)
def test_the_streams_go_to_kinesis(method: str, path: str, action: str, parameters: dict[str, str]) -> None:
    found = read_api(SHIPPED, STAGE).find(method, path)
    assert found is not None
    called = found[0].integration
    assert isinstance(called, AwsAction)
    assert (called.service, called.region) == ("kinesis", "us-east-1")
    assert called.headers["X-Amz-Target"] == f"Kinesis_20131202.{action}"
    assert found[1] == parameters
    assert found[0].security == {SIGV4}


@pytest.mark.parametrize("path", ["/streams/clicks/other", "/streams/clicks/records/more", "/streamsx"])
def test_the_greedy_route_takes_what_no_other_does(path: str) -> None:
    found = read_api(SHIPPED, STAGE).find("PUT", path)
    assert found is not None
    assert isinstance(found[0].integration, HttpProxy)


def test_cloudformation_can_include_the_document() -> None:
    # It reads no aliases and no intrinsic functions in their short form.
    tokens = {type(token) for token in yaml.scan(SHIPPED)}
    assert not tokens & {yaml.AnchorToken, yaml.AliasToken, yaml.TagToken}
    functions = {key for key in _keys(yaml.safe_load(SHIPPED)) if key == "Ref" or key.startswith("Fn::")}
    assert functions == {"Fn::Sub", "Fn::GetAtt", "Fn::If", "Ref"}
    assert all(isinstance(key, str) for key in _keys(yaml.safe_load(SHIPPED)))


def test_a_link_into_the_network_changes_nothing_here() -> None:
    through_a_link = yaml.safe_load(SHIPPED)
    proxy = through_a_link["paths"]["/{proxy+}"]["x-amazon-apigateway-any-method"]
    proxy["x-amazon-apigateway-integration"] |= {"connectionType": "VPC_LINK", "connectionId": "abc123"}
    found = read_api(yaml.safe_dump(through_a_link), STAGE).find("GET", "/topics")
    assert found == read_api(SHIPPED, STAGE).find("GET", "/topics")


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for child in value.values() if isinstance(value, dict) else value:
            yield from _keys(child)


def test_the_root_is_no_route_because_a_greedy_path_needs_something() -> None:
    assert read_api(SHIPPED, STAGE).find("GET", "/") is None


def test_callers_must_sign() -> None:
    found = read_api(SHIPPED, STAGE).find("POST", "/topics/abc.pin")
    assert found is not None
    assert found[0].security == {SIGV4}


def test_every_listed_scheme_is_required() -> None:
    both = SHIPPED.replace("- sigv4: []", "- sigv4: []\n        - api_key: []")
    found = read_api(both, STAGE).find("GET", "/topics")
    assert found is not None
    assert found[0].security == {SIGV4, API_KEY}


def test_a_fixed_path_wins_over_a_greedy_one() -> None:
    document = yaml.safe_load(SHIPPED)
    fixed = {"type": "http_proxy", "httpMethod": "GET", "uri": "http://other/health"}
    document["paths"]["/health"] = {"get": {"x-amazon-apigateway-integration": fixed}}
    api = read_api(yaml.safe_dump(document), STAGE)
    found = api.find("GET", "/health")
    assert found is not None
    assert isinstance(found[0].integration, HttpProxy)
    assert found[0].integration.address(found[1]) == "http://other/health"
    assert api.find("POST", "/health") is None


def test_a_missing_stage_variable_is_named() -> None:
    with pytest.raises(LocalCloudError, match="stage variable restProxy"):
        read_api(SHIPPED, Deployment({}, "us-east-1"))


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("type: http_proxy", "type: mock", "executes http_proxy and aws"),
        ("method.request.path.proxy", "method.request.querystring.proxy", "maps path parameters only"),
        ("method.request.path.proxy", "method.request.path.other", "must be mapped"),
        ("action/ListStreams", "path/ListStreams", "calls Kinesis' actions by POST"),
        (":kinesis:action", ":sqs:action", "calls Kinesis' actions by POST"),
        ("httpMethod: POST", "httpMethod: GET", "calls Kinesis' actions by POST"),
        ("in: path", "in: query", "checks path parameters"),
        ("'4\\d{2}'", "'4('", "not an OpenAPI document"),
        ("everything:", "nothing:", "not an OpenAPI document"),
        ("passthroughBehavior: never", "passthroughBehavior: when_no_match", "pass nothing through"),
        ("'application/x-amz-json-1.1'", "context.stage", "sets headers to fixed texts"),
        ("#foreach(", "#foreach[", "not a mapping template"),
        ("awsSigv4", "awsOther", "verifies awsSigv4"),
        ("paths:", "roads:", "not an OpenAPI document"),
        ("openapi:", "[", "not an OpenAPI document"),
    ],
)
def test_what_it_cannot_execute_is_refused_at_the_start(old: str, new: str, reason: str) -> None:
    with pytest.raises(LocalCloudError, match=reason):
        read_api(SHIPPED.replace(old, new), STAGE)
