"""What the local cloud's HTTP services share: how they listen, and how they read bodies."""

import logging

import uvicorn
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from tooling.local_cloud.processes import HOST

MAX_BYTES = 10 * 2**20
"""API Gateway's payload limit, and so the backends'."""

# Clients keep an idle connection for some seconds. The server must keep it for longer: a connection closed at the
# moment of the next request, or after a pause of the whole process, loses that request.
_KEEP_ALIVE_SECONDS = 75
_log = logging.getLogger(__name__)


def serve(app: Starlette, port: int, *, access_log: bool) -> None:
    """Serve on a port of this machine until a signal stops the process."""
    uvicorn.run(app, host=HOST, port=port, access_log=access_log, timeout_keep_alive=_KEEP_ALIVE_SECONDS)


async def read_body(request: Request) -> bytes | None:
    """Return a request's body; None where it is larger than the limit."""
    kept, size = [], 0
    # Read to the end even when too large: a client that is still sending would not see the answer.
    async for chunk in request.stream():
        size += len(chunk)
        if size <= MAX_BYTES:
            kept.append(chunk)
    return b"".join(kept) if size <= MAX_BYTES else None


async def answer_nobody(request: Request, error: Exception) -> Response:
    """Log that a client disconnected before its request was complete; the response reaches nobody."""
    if not isinstance(error, ClientDisconnect):
        raise error
    _log.info("%s %s: the client left before its request was whole", request.method, request.url.path)
    return Response(status_code=400)
