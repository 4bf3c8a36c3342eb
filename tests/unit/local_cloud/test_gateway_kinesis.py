"""The gateway with the project's document and a Kinesis of the test."""

import asyncio
import json
from collections.abc import Callable, Coroutine

import httpx
import pytest
import yaml
from botocore.credentials import Credentials

from tooling.local_cloud.api_gateway.api_document import read_api
from tooling.local_cloud.api_gateway.authorisation import KnownCredentials
from tooling.local_cloud.api_gateway.aws_integration import Account
from tooling.local_cloud.api_gateway.gateway import application
from tooling.local_cloud.api_gateway.integrations import Deployment
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.errors import LocalCloudError

Kinesis = Callable[[httpx.Request], httpx.Response] | Callable[[httpx.Request], Coroutine[None, None, httpx.Response]]
SHIPPED = DOCUMENT.read_text(encoding="utf-8")
DEPLOYMENT = Deployment({"restProxy": "proxy:8082"}, "eu-west-1")
ACCOUNT = Account("http://kinesis/", Credentials("local", "made-up"))
RECORD = {"Data": '{"index": 33}', "PartitionKey": "33"}


def call(
    kinesis: Kinesis,
    request: httpx.Request,
    *,
    known: KnownCredentials | None = None,
    account: Account | None = ACCOUNT,
    document: str = SHIPPED,
) -> httpx.Response:
    """Send one request through the gateway to this Kinesis."""

    async def send() -> httpx.Response:
        behind = httpx.AsyncClient(transport=httpx.MockTransport(kinesis))
        app = application(read_api(document, DEPLOYMENT), known or KnownCredentials(), account, behind)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.send(request)

    return asyncio.run(send())


def put(body: object = None, stream: str = "clicks", **headers: str) -> httpx.Request:
    return httpx.Request("PUT", f"http://gateway/streams/{stream}/record", json=body or RECORD, headers=headers)


def echo(request: httpx.Request) -> httpx.Response:
    """Respond with the request."""
    return httpx.Response(200, json={"headers": dict(request.headers), "body": json.loads(request.content)})


def never(request: httpx.Request) -> httpx.Response:
    """Fail the test: nothing may arrive."""
    raise AssertionError(request.url)


def failing(status: int, document: object) -> Kinesis:
    return lambda _: httpx.Response(status, json=document)


def test_an_action_is_called_and_signed_as_kinesis_asks() -> None:
    headers = call(echo, put()).json()["headers"]
    assert headers["x-amz-target"] == "Kinesis_20131202.PutRecord"
    assert headers["content-type"] == "application/x-amz-json-1.1"
    assert "/eu-west-1/kinesis/aws4_request" in headers["authorization"]


def test_the_stream_is_the_paths_with_its_escapes_undone() -> None:
    assert call(echo, put(stream="a%22b%20%C3%A9")).json()["body"]["StreamName"] == 'a"b \u00e9'


def test_kinesis_answer_comes_back_as_it_is() -> None:
    answer = call(failing(200, {"ShardId": "shardId-0", "SequenceNumber": "1"}), put())
    assert (answer.status_code, answer.json()) == (200, {"ShardId": "shardId-0", "SequenceNumber": "1"})
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("status", "kind", "answered"),
    [
        (400, "ResourceNotFoundException", 404),
        (400, "ProvisionedThroughputExceededException", 429),
        (400, "LimitExceededException", 429),
        (400, "KMSThrottlingException", 429),
        (400, "ValidationException", 400),
        (403, "AccessDeniedException", 400),
        (500, "InternalFailure", 500),
        (503, "ServiceUnavailable", 500),
    ],
)
def test_an_error_of_kinesis_becomes_a_status_and_a_message(status: int, kind: str, answered: int) -> None:
    answer = call(failing(status, {"__type": kind, "message": 'it\'s "so"'}), put())
    assert (answer.status_code, answer.json()) == (answered, {"message": f'{kind}: it\'s "so"'})


@pytest.mark.parametrize("field", ["message", "Message"])
def test_a_kind_may_have_a_namespace_and_a_message_a_capital(field: str) -> None:
    answer = call(failing(400, {"__type": "com.amazonaws#LimitExceededException", field: "Rate exceeded"}), put())
    assert (answer.status_code, answer.json()) == (429, {"message": "LimitExceededException: Rate exceeded"})


def test_an_answer_that_is_not_json_is_an_internal_error() -> None:
    answer = call(lambda _: httpx.Response(503, text="<html>"), put())
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})


def test_a_refused_body_never_reaches_kinesis_and_its_reason_is_json_whatever_is_in_it() -> None:
    answer = call(never, put({"Data": 'no "object" \\ \n', "PartitionKey": "33"}))
    assert answer.status_code == 400
    assert 'does not match input string "no "object" \\ \n"' in answer.json()["message"]


def test_another_content_type_is_refused() -> None:
    answer = call(never, put(**{"Content-Type": "text/plain"}))
    assert (answer.status_code, answer.json()) == (415, {"message": "Unsupported Media Type"})


def test_a_content_types_parameters_change_nothing() -> None:
    assert call(echo, put(**{"Content-Type": "application/json; charset=utf-8"})).status_code == 200


def test_an_unsigned_request_is_refused() -> None:
    answer = call(never, put(), known=KnownCredentials("caller", "their-secret"))
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize("method", ["PUT", "PATCH", "HEAD"])
def test_a_method_that_a_stream_lacks_does_not_go_to_the_rest_proxy(method: str) -> None:
    assert call(never, httpx.Request(method, "http://gateway/streams/clicks")).status_code == 403


def test_a_slow_kinesis_is_a_time_out() -> None:
    async def sleep(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    hasty = SHIPPED.replace("timeoutInMillis: 29000", "timeoutInMillis: 50")
    answer = call(sleep, put(), document=hasty)
    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_an_unreachable_kinesis_is_a_network_error() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer = call(refuse, put())
    assert (answer.status_code, answer.json()) == (504, {"message": "Network error communicating with endpoint"})


def test_without_a_kinesis_a_stream_is_an_internal_error() -> None:
    answer = call(never, put(), account=None)
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal server error"})


def test_credentials_are_the_environments_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    with pytest.raises(LocalCloudError, match="set AWS_ACCESS_KEY_ID"):
        Account.from_environment("http://kinesis")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")
    assert Account.from_environment("http://kinesis").credentials.access_key == "local"


def test_every_method_of_the_streams_maps_answers_in_the_same_way() -> None:
    paths = yaml.safe_load(SHIPPED)["paths"]
    operations = [op for path, item in paths.items() if path.startswith("/streams") for op in item.values()]
    mapped = [op["x-amazon-apigateway-integration"]["responses"] for op in operations if isinstance(op, dict)]
    assert len(mapped) == 6
    assert all(one == mapped[0] for one in mapped)
