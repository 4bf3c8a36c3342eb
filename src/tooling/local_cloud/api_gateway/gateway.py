"""A stand-in for Amazon API Gateway (REST API) that executes the OpenAPI document of the AWS deployment.

It implements the document's routes, methods, security, request models and integrations, with API Gateway's limits and
responses. Not implemented: stages in the path, throttling, caching, usage plans.
"""

import argparse
import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import httpx
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from pinterest_pipeline.console import run_script
from tooling.local_cloud.api_gateway.api_document import Api, Operation, read_api
from tooling.local_cloud.api_gateway.authorisation import NO_SIGNATURE, Call, KnownCredentials, refusal
from tooling.local_cloud.api_gateway.aws_integration import Account, content_type, execute
from tooling.local_cloud.api_gateway.gateway_responses import BAD_REQUEST_BODY, GatewayResponse
from tooling.local_cloud.api_gateway.http_integration import forward
from tooling.local_cloud.api_gateway.integrations import JSON, Deployment, HttpProxy
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.http_service import MAX_BYTES, answer_nobody, read_body, serve
from tooling.local_cloud.kinesis import REGION

MAX_LINE_BYTES = 10_240
"""API Gateway's limit of a request's line and header values together."""

_log = logging.getLogger("gateway")
_METHODS = ["GET", "PUT", "POST", "DELETE", "OPTIONS", "HEAD", "PATCH"]


class Gateway:
    """Executes an API.

    Args:
        api: The API.
        known: The callers' credentials.
        account: Kinesis' endpoint and credentials; None if no Kinesis is configured.
        client: Forwards requests; shared, so that connections are kept alive.
    """

    def __init__(self, api: Api, known: KnownCredentials, account: Account | None, client: httpx.AsyncClient) -> None:
        """Keep them all."""
        self._api = api
        self._known = known
        self._account = account
        self._client = client

    async def handle(self, request: Request) -> Response:
        """Return the answer to one request."""
        path = request.scope["raw_path"].decode("ascii")
        line, headers = len(path + _query(request)), sum(len(value) for _, value in request.headers.raw)
        if line + headers > MAX_LINE_BYTES:
            reason = f"Request line and headers exceed {MAX_LINE_BYTES} bytes."
            return PlainTextResponse(reason, 414 if line > MAX_LINE_BYTES else 431)
        found = self._api.find(request.method, path)
        if found is None:
            # API Gateway's response for an unknown route.
            return _message(403, NO_SIGNATURE)
        operation, parameters = found
        body = await read_body(request)
        if body is None:
            # Detected before the API itself: plain text, unlike every other response.
            return PlainTextResponse(f"HTTP content length exceeded {MAX_BYTES} bytes.", 413)
        call = Call(request.method, _url(request, path), dict(request.headers), body)
        refused = refusal(call, operation.security, self._known, datetime.now(UTC))
        if refused is not None:
            return _message(403, refused)
        try:
            return await self._checked(operation, call) or await self._answer(operation, call, parameters)
        except (LocalCloudError, ValueError):
            _log.exception("%s %s", call.method, call.url)
            return _message(500, "Internal server error")

    async def _checked(self, operation: Operation, call: Call) -> Response | None:
        model = operation.models.get(content_type(call.headers))
        # In a thread: a body of megabytes takes time, and other requests must not wait for it.
        reason = await asyncio.to_thread(model.refusal, call.body) if model else None
        if reason is None:
            return None
        response = self._api.responses.get(BAD_REQUEST_BODY, GatewayResponse(400))
        return Response(response.body("Invalid request body", reason), response.status, media_type=JSON)

    async def _answer(self, operation: Operation, call: Call, parameters: Mapping[str, str]) -> Response:
        integration = operation.integration
        try:
            async with asyncio.timeout(integration.seconds):
                if isinstance(integration, HttpProxy):
                    return await forward(integration, call, parameters, self._client)
                if self._account is None:
                    raise LocalCloudError("this gateway was started without --kinesis-endpoint")
                return await execute(integration, call, parameters, self._account, self._client)
        except TimeoutError:
            return _message(504, "Endpoint request timed out")
        except httpx.TransportError as error:
            _log.warning("%s %s: %r", call.method, call.url, error)
            return _message(504, "Network error communicating with endpoint")


def application(
    api: Api, known: KnownCredentials, account: Account | None = None, client: httpx.AsyncClient | None = None
) -> Starlette:
    """Return the web application that executes an API.

    Args:
        api: The API.
        known: The callers' credentials.
        account: Kinesis' endpoint and credentials; None if no Kinesis is configured.
        client: Forwards requests; by default one of its own.
    """
    # Callers limit the connections, the document the time for a response, and proxies of the environment are not
    # used.
    unlimited = httpx.Limits(max_connections=None, max_keepalive_connections=100)
    shared = client or httpx.AsyncClient(limits=unlimited, timeout=httpx.Timeout(None), trust_env=False)

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with shared:
            yield

    gateway = Gateway(api, known, account, shared)
    return Starlette(
        routes=[Route("/{path:path}", gateway.handle, methods=_METHODS)],
        lifespan=lifespan,
        exception_handlers={ClientDisconnect: answer_nobody},
    )


def _url(request: Request, path: str) -> str:
    # Byte for byte as sent: a signature covers the escapes, which the request's own URL has undone.
    return f"http://{request.headers.get('host', '')}{path}{_query(request)}"


def _query(request: Request) -> str:
    query = request.scope["query_string"].decode("ascii")
    return f"?{query}" if query else ""


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
    """Serve until a signal stops the process."""
    parser = argparse.ArgumentParser(description="Stand-in for Amazon API Gateway.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--document", type=Path, required=True, help="the API, an OpenAPI document")
    parser.add_argument("--stage-variable", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--kinesis-endpoint", default="", metavar="URL", help="URL of Kinesis")
    parser.add_argument("--region", default=REGION, help="the streams' region")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    deployment = Deployment(_stage_variables(options.stage_variable), options.region)
    api = read_api(_text(options.document), deployment)
    account = Account.from_environment(options.kinesis_endpoint) if options.kinesis_endpoint else None
    known = KnownCredentials.from_environment()
    checked = ", ".join(sorted(known.checks())) or "off: no credentials in the environment"
    _log.info("authorisation: %s", checked)
    serve(application(api, known, account), options.port, access_log=True)


if __name__ == "__main__":
    run_script(main)
