"""Executes an HTTP proxy integration: request and response are passed through unchanged."""

from collections.abc import Iterable, Mapping

import httpx
from starlette.responses import Response

from tooling.local_cloud.api_gateway.authorisation import Call
from tooling.local_cloud.api_gateway.integrations import ANY, HttpProxy

# Of one connection, not of the message (RFC 9110, 7.6.1), or set again for the next one.
_NOT_FORWARDED = frozenset(
    {
        *("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        *("host", "content-length", "date", "server"),
        # API Gateway does not forward the caller's signature.
        *("authorization", "x-amz-date", "x-amz-security-token"),
    }
)


async def forward(
    integration: HttpProxy, call: Call, parameters: Mapping[str, str], client: httpx.AsyncClient
) -> Response:
    """Return the backend's response.

    Raises:
        httpx.TransportError: It cannot be reached.
    """
    _, mark, query = call.url.partition("?")
    onward = httpx.Request(
        call.method if integration.method == ANY else integration.method,
        integration.address(parameters) + mark + query,
        # As the server decoded them; httpx itself accepts ASCII only.
        headers=httpx.Headers(_forwarded(call.headers.items()), encoding="latin-1"),
        content=call.body,
    )
    answer = await client.send(onward, stream=True)
    try:
        content = b"".join([chunk async for chunk in answer.aiter_raw()])
    finally:
        await answer.aclose()
    return Response(content, answer.status_code, _forwarded(answer.headers.items()))


def _forwarded(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    return {name: value for name, value in headers if name.lower() not in _NOT_FORWARDED}
