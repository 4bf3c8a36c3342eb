"""A stand-in for Amazon API Gateway (REST API) that executes the OpenAPI document AWS is given.

It does what the document says and nothing else: its routes, methods, stage variables, HTTP proxy integrations and
security, with API Gateway's limits and answers. Not there: stages in the path, throttling, caching, usage plans.
"""

import argparse
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pinterest_pipeline.console import run_script
from pinterest_pipeline.errors import LocalCloudError
from pinterest_pipeline.local.api_document import ANY, Api, Integration, read_api
from pinterest_pipeline.local.authorisation import NO_SIGNATURE, Call, KnownCredentials, refusal
from pinterest_pipeline.local.processes import HOST

MOST_BYTES = 10 * 2**20
"""API Gateway's payload limit."""

_log = logging.getLogger("gateway")
_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"]
# Of one connection, not of the message (RFC 9110, 7.6.1), or set anew for the next one.
_NOT_FORWARDED = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("host", "content-length", "date", "server"),
        # API Gateway keeps the caller's signature to itself.
        *("authorization", "x-amz-date", "x-amz-security-token"),
    }
)


class Gateway:
    """Executes an API.

    Args:
        api: The API.
        known: What callers must have.
        client: Sends requests on; shared, so that connections are kept alive.
    """

    def __init__(self, api: Api, known: KnownCredentials, client: httpx.AsyncClient) -> None:
        """Keep all three."""
        self._api = api
        self._known = known
        self._client = client

    async def handle(self, request: Request) -> Response:
        """Return the answer to one request."""
        path = request.scope["raw_path"].decode("ascii")
        found = self._api.find(request.method, path)
        if found is None:
            # What API Gateway says of a route it does not have.
            return _message(403, NO_SIGNATURE)
        operation, parameters = found
        body = await _body(request)
        if body is None:
            # Found out in front of the API itself: plain text, unlike every other answer.
            return PlainTextResponse(f"HTTP content length exceeded {MOST_BYTES} bytes.", 413)
        call = Call(request.method, _url(request, path), dict(request.headers), body)
        refused = refusal(call, operation.security, self._known, datetime.now(UTC))
        if refused is not None:
            return _message(403, refused)
        return await self._forward(operation.integration, parameters, request, body)

    async def _forward(
        self, integration: Integration, parameters: Mapping[str, str], request: Request, body: bytes
    ) -> Response:
        onward = httpx.Request(
            request.method if integration.method == ANY else integration.method,
            integration.address(parameters) + _query(request),
            headers=_forwarded(request.headers.items()),
            content=body,
        )
        try:
            async with asyncio.timeout(integration.seconds):
                return await self._exchange(onward)
        except TimeoutError:
            return _message(504, "Endpoint request timed out")
        except httpx.TransportError as error:
            _log.warning("%s %s: %r", onward.method, onward.url, error)
            return _message(504, "Network error communicating with endpoint")

    async def _exchange(self, onward: httpx.Request) -> Response:
        answer = await self._client.send(onward, stream=True)
        try:
            content = b"".join([chunk async for chunk in answer.aiter_raw()])
        finally:
            await answer.aclose()
        return Response(content, answer.status_code, _forwarded(answer.headers.items()))


def application(api: Api, known: KnownCredentials, client: httpx.AsyncClient | None = None) -> Starlette:
    """Return the web application that executes an API.

    Args:
        api: The API.
        known: What callers must have.
        client: Sends requests on; by default one of its own.
    """
    # What is open at most is the callers' choice, and no proxy of the environment may come between.
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    shared = client or httpx.AsyncClient(limits=unlimited, trust_env=False)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with shared:
            yield

    gateway = Gateway(api, known, shared)
    return Starlette(routes=[Route("/{path:path}", gateway.handle, methods=_METHODS)], lifespan=lifespan)


def _url(request: Request, path: str) -> str:
    # Byte for byte as sent: a signature covers the escapes, which the request's own URL has undone.
    return f"http://{request.headers.get('host', '')}{path}{_query(request)}"


def _query(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii")
    return f"?{query}" if query else ""


async def _body(request: Request) -> bytes | None:
    kept, size = [], 0
    # Read to the end even when too large: a client that is still sending would not see the answer.
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MOST_BYTES:
            kept.append(chunk)
    return b"".join(kept) if size <= MOST_BYTES else None


def _forwarded(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _NOT_FORWARDED}


def _message(status: int, text: str) -> Response:
    return JSONResponse({"message": text}, status)


def _stage_variables(pairs: list[str]) -> Mapping[str, str]:
    broken = [pair for pair in pairs if "=" not in pair]
    if broken:
        raise LocalCloudError(f"a stage variable is given as name=value; got {broken[0]!r}")
    return dict(pair.split("=", 1) for pair in pairs)


def _text(document: Path) -> str:
    try:
        return document.read_text(encoding="utf-8")
    except OSError as error:
        raise LocalCloudError(f"cannot read the API's document {document}: {error.strerror}") from error


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Stand-in for Amazon API Gateway.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--document", type=Path, required=True, help="the API, an OpenAPI document")
    parser.add_argument("--stage-variable", action="append", default=[], metavar="NAME=VALUE")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    api = read_api(_text(options.document), _stage_variables(options.stage_variable))
    known = KnownCredentials.from_environment()
    checked = ", ".join(sorted(known.checks())) or "off: no credentials in the environment"
    _log.info("authorisation: %s", checked)
    uvicorn.run(application(api, known), host=HOST, port=options.port)


if __name__ == "__main__":
    run_script(main)
