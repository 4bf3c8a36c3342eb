"""The gateway with the project's document and a REST proxy of the test."""

import asyncio
import json
from collections.abc import MutableMapping
from functools import cache
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Send

from tooling.local_cloud.api_gateway.api_document import Api, read_api
from tooling.local_cloud.api_gateway.authorisation import KnownCredentials
from tooling.local_cloud.api_gateway.gateway import application
from tooling.local_cloud.api_gateway.integrations import Deployment
from tooling.local_cloud.cloud import DOCUMENT
from tooling.local_cloud.http_service import MAX_BYTES

SHIPPED = DOCUMENT.read_text(encoding="utf-8")
DEPLOYMENT = Deployment({"restProxy": "proxy:8082"}, "us-east-1")
POST = httpx.Request("POST", "http://gateway/topics/a.pin?x=1", json={"records": []}, headers={"X-Mine": "kept"})


async def echo(request: Request) -> Response:
    """Respond with the request."""
    seen = {"path": request.scope["raw_path"].decode(), "query": request.url.query, "headers": dict(request.headers)}
    body = (await request.body()).decode()
    return JSONResponse(seen | {"method": request.method, "body": body}, 201, {"X-Theirs": "kept"})


ECHO = httpx.ASGITransport(Starlette(routes=[Route("/{path:path}", echo, methods=["GET", "POST"])]))


@cache
def read(document: str) -> Api:
    """Read a document once: it takes longer than many requests."""
    return read_api(document, DEPLOYMENT)


def call(
    request: httpx.Request,
    proxy: httpx.AsyncBaseTransport = ECHO,
    known: KnownCredentials | None = None,
    path: bytes | None = None,
) -> httpx.Response:
    """Send one request through the gateway to this REST proxy, at a path of its own where the URL's will not do."""
    return asyncio.run(_call(request, proxy, known or KnownCredentials(), path=path))


async def _call(
    request: httpx.Request,
    proxy: httpx.AsyncBaseTransport,
    known: KnownCredentials,
    document: str = SHIPPED,
    path: bytes | None = None,
) -> httpx.Response:
    gateway = application(read(document), known, client=httpx.AsyncClient(transport=proxy))

    async def app(scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        await gateway({**scope, "raw_path": path or scope["raw_path"]}, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
        return await client.send(request)


def test_a_request_goes_on_untouched() -> None:
    answer = call(POST)
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/topics/a.pin", "x=1")
    assert seen["body"] == '{"records":[]}'
    assert seen["headers"]["x-mine"] == "kept"
    assert seen["headers"]["host"] == "proxy:8082"


def test_an_answer_comes_back_untouched() -> None:
    answer = call(POST)
    assert answer.status_code == 201
    assert answer.headers["x-theirs"] == "kept"


def test_escapes_in_a_path_stay_as_they_were_sent() -> None:
    answer = call(httpx.Request("GET", "http://gateway/topics/a%2Fb"))
    assert answer.json()["path"] == "/topics/a%2Fb"


def test_an_unknown_route_is_answered_as_api_gateway_does() -> None:
    answer = call(httpx.Request("GET", "http://gateway/"))
    assert (answer.status_code, answer.json()) == (403, {"message": "Missing Authentication Token"})


@pytest.mark.parametrize(("size", "status"), [(MAX_BYTES, 201), (MAX_BYTES + 1, 413)])
def test_the_payload_limit_is_exactly_10_mb(size: int, status: int) -> None:
    request = httpx.Request("POST", "http://gateway/topics/a.pin", content=b"x" * size)
    assert call(request).status_code == status


@pytest.mark.parametrize(
    ("path", "header", "status"), [("x" * 70_000, "", 414), ("x" * 11_000, "", 414), ("x", "x" * 11_000, 431)]
)
def test_the_limit_of_the_request_line_and_the_headers_is_10_kb(path: str, header: str, status: int) -> None:
    # httpx itself sends no URL of more than 64 kB.
    short = httpx.Request("GET", "http://gateway/topics/a", headers={"X-Mine": header})
    assert call(short, path=f"/topics/{path}".encode()).status_code == status


def test_a_header_need_not_be_ascii() -> None:
    answer = call(httpx.Request("GET", "http://gateway/topics", headers={b"X-Mine": b"\xe9"}))
    assert answer.json()["headers"]["x-mine"] == "\xe9"


TARGET = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=30)
HEADER = st.binary(max_size=20).filter(lambda value: not set(value) & {0, 10, 13})


@settings(max_examples=50, derandomize=True)
@given(TARGET, HEADER, st.sampled_from(["GET", "POST", "PUT", "DELETE"]), st.text(max_size=20).map(str.encode))
def test_no_request_fails_in_the_gateway_itself(target: str, header: bytes, method: str, body: bytes) -> None:
    headers = [(b"X-Mine", header), (b"Content-Type", header)]
    request = httpx.Request(method, "http://gateway/x", headers=headers, content=body)
    assert call(request, path=f"/{target}".encode()).status_code in {201, 400, 403, 404, 405, 415}


def test_a_client_that_leaves_before_its_request_is_whole_is_one_line_in_the_log(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    scope = {"type": "http", "method": "POST", "path": "/topics/a", "raw_path": b"/topics/a", "headers": []}

    async def leave() -> dict[str, object]:
        return {"type": "http.disconnect"}

    async def send(_: object) -> None:
        """Reach nobody."""

    app = application(read(SHIPPED), KnownCredentials(), client=httpx.AsyncClient(transport=ECHO))
    asyncio.run(app(scope | {"query_string": b""}, leave, send))
    assert [record.getMessage() for record in caplog.records] == [
        "POST /topics/a: the client left before its request was whole"
    ]


def test_an_unreachable_rest_proxy_is_a_network_error() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    answer = call(POST, httpx.MockTransport(refuse))
    assert (answer.status_code, answer.json()) == (504, {"message": "Network error communicating with endpoint"})


def test_a_slow_rest_proxy_is_a_time_out() -> None:
    async def sleep(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(60)
        return httpx.Response(200)

    hasty = SHIPPED.replace("timeoutInMillis: 29000", "timeoutInMillis: 50")
    answer = asyncio.run(_call(POST, httpx.MockTransport(sleep), KnownCredentials(), hasty))
    assert (answer.status_code, answer.json()) == (504, {"message": "Endpoint request timed out"})


def test_an_unsigned_request_is_refused_where_credentials_are_known() -> None:
    answer = call(POST, known=KnownCredentials("caller", "their-secret"))
    assert (answer.status_code, json.loads(answer.content)) == (403, {"message": "Missing Authentication Token"})
