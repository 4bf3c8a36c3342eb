"""The emulated Kinesis as a web application: moto's dispatch of requests, without its web framework."""

import importlib.metadata
import json
import logging
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.kinesis.models import kinesis_backends
from werkzeug.exceptions import HTTPException
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from pinterest_pipeline.kinesis_limits import MAX_REQUEST_BYTES
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kinesis import COUNTS, REGION
from tooling.local_cloud.kinesis.handlers import Answers, OrderedBackend
from tooling.local_cloud.kinesis.validation import read_request
from tooling.local_cloud.processes import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

MOTO = "5.2."
"""The versions of moto that this works with."""

log = logging.getLogger(__name__)


class _ServerRequest(Request):
    from_wsgi_server = True
    # The largest request that Kinesis accepts, in Base64, with room for its keys and its JSON.
    max_content_length = MAX_REQUEST_BYTES * 3 // 2


class _Handler(WSGIRequestHandler):
    # Headers and body leave as two packets; else the second waits up to 40 ms for the first's acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request: there are hundreds a second."""


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request; the web application."""
    return _answer(_ServerRequest(environ))(environ, start_response)


def serve(port: int) -> None:
    """Serve on a port of this machine until a signal stops the process."""
    make_server(HOST, port, application, threaded=True, request_handler=_Handler).serve_forever()


def install(streams: Sequence[str] = (), shards: int = 1) -> None:
    """Install the store into this process's moto, and create the first streams.

    Args:
        streams: Names of streams of the local region.
        shards: Shards of each.

    Raises:
        LocalCloudError: moto is not the version that the store was made for, or a stream cannot be made.
    """
    version = importlib.metadata.version("moto")
    if not version.startswith(MOTO):
        raise LocalCloudError(f"the local Kinesis needs moto {MOTO}*, found {version}; install it with `uv sync`")
    kinesis_backends.backend = OrderedBackend
    for name in streams:
        try:
            read_request("CreateStream", json.dumps({"StreamName": name, "ShardCount": shards}).encode())
            _backend().create_stream(name, shards)
        except JsonRESTError as error:
            raise LocalCloudError(f"cannot make the stream {name}: {error.message}") from error


def _backend() -> OrderedBackend:
    return cast("OrderedBackend", kinesis_backends[DEFAULT_ACCOUNT_ID][REGION])


def _answer(request: Request) -> Response:
    if request.path == COUNTS:
        backend = _backend()
        counts = {name: backend.describe_stream(None, name).count() for name in list(backend.streams)}
        return Response(json.dumps(counts), content_type="application/json")
    try:
        status, headers, body = Answers.dispatch(request)
    except NotImplementedError as error:
        return _refused(JsonRESTError("UnknownOperationException", str(error)))
    except JsonRESTError as error:
        return _refused(error)
    except HTTPException as error:
        # werkzeug's own, for a body that is too large or ends early.
        return _refused(JsonRESTError(f"{type(error).__name__}Exception", str(error)), error.code or 400)
    except Exception:
        log.exception("%s", request.headers.get("X-Amz-Target"))
        return _refused(JsonRESTError("InternalFailure", "The local Kinesis failed; its log says why."), 500)
    return Response(body, status, headers)


def _refused(error: JsonRESTError, status: int = 400) -> Response:
    return Response(error.description, status, error.get_headers())
