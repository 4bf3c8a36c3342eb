"""The API's document: valid OpenAPI, and read as API Gateway reads it."""

import pytest
import yaml
from openapi_spec_validator import validate

from pinterest_pipeline.errors import LocalCloudError
from pinterest_pipeline.local.api_document import API_KEY, SIGV4, read_api
from pinterest_pipeline.local.cloud import DOCUMENT
from pinterest_pipeline.local.integrations import Deployment, HttpProxy

STAGE = Deployment({"restProxy": "proxy:8082"}, "us-east-1")
SHIPPED = DOCUMENT.read_text(encoding="utf-8")


def test_the_document_is_valid_openapi() -> None:
    document = yaml.safe_load(SHIPPED)
    validate(document)
    assert document["info"]["description"]


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_every_method_of_every_path_goes_to_the_rest_proxy(method: str) -> None:
    found = read_api(SHIPPED, STAGE).find(method, "/topics/abc.pin")
    assert found is not None
    operation, parameters = found
    assert isinstance(operation.integration, HttpProxy)
    assert operation.integration.address(parameters) == "http://proxy:8082/topics/abc.pin"
    assert operation.integration.method == "ANY"
    assert operation.integration.seconds == 29


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
        ("awsSigv4", "awsOther", "verifies awsSigv4"),
        ("paths:", "roads:", "not an OpenAPI document"),
        ("openapi:", "[", "not an OpenAPI document"),
    ],
)
def test_what_it_cannot_execute_is_refused_at_the_start(old: str, new: str, reason: str) -> None:
    with pytest.raises(LocalCloudError, match=reason):
        read_api(SHIPPED.replace(old, new), STAGE)
