"""A stand-in for Amazon Kinesis Data Streams: moto's, with a store of its own that loses nothing.

It answers over HTTP what moto answers. Not there: limits of throughput, expiry of iterators and records, enhanced
fan-out, shard filters, states other than ACTIVE, signatures and permissions. All is kept in memory: nothing survives
its end. `GET /counts` is its own: how many records each stream holds, counted where they are kept.
"""

import argparse
import importlib.metadata
import json
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, cast

from moto.core.exceptions import JsonRESTError
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.core.request import Request
from moto.kinesis.models import kinesis_backends
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.wrappers import Response

from pinterest_pipeline.console import run_script
from pinterest_pipeline.errors import LocalCloudError
from pinterest_pipeline.local.kinesis_answers import Answers, OrderedBackend
from pinterest_pipeline.local.processes import HOST

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

REGION = "us-east-1"
"""The local cloud's region."""

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
"""Environment of who calls it. It checks none, but no client signs without."""

COUNTS = "/counts"
"""Path of the streams' numbers of records."""

_MOTO = "5.2."


class _ServerRequest(Request):
    from_wsgi_server = True


class _Handler(WSGIRequestHandler):
    # Headers and body leave as two packets; else the second waits up to 40 ms for the first's acknowledgement.
    disable_nagle_algorithm = True

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log no request: there are hundreds a second."""


def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
    """Answer one request; the web application."""
    return _answer(_ServerRequest(environ))(environ, start_response)


def install(streams: Sequence[str] = (), shards: int = 1) -> None:
    """Let this process's moto use the store, and make the first streams.

    Args:
        streams: Names of streams of the local region.
        shards: Shards of each.

    Raises:
        LocalCloudError: moto is not the version that the store was made for, or a stream cannot be made.
    """
    version = importlib.metadata.version("moto")
    if not version.startswith(_MOTO):
        raise LocalCloudError(
            f"the local Kinesis is made for moto {_MOTO}*, found {version}; install it with `uv sync`"
        )
    kinesis_backends.backend = OrderedBackend
    for name in streams:
        try:
            _backend().create_stream(name, shards)
        except JsonRESTError as error:
            raise LocalCloudError(f"cannot make the stream {name}: {error.message}") from error


def _backend() -> OrderedBackend:
    return cast("OrderedBackend", kinesis_backends[DEFAULT_ACCOUNT_ID][REGION])


def _answer(request: Request) -> Response:
    if request.path == COUNTS:
        backend = _backend()
        counts = {name: backend.stream(name).count() for name in list(backend.streams)}
        return Response(json.dumps(counts), content_type="application/json")
    try:
        status, headers, body = Answers.dispatch(request)
    except NotImplementedError as error:
        unknown = {"__type": "UnknownOperationException", "message": str(error)}
        return Response(json.dumps(unknown), 400, content_type="application/x-amz-json-1.1")
    return Response(body, status, headers)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Stand-in for Amazon Kinesis Data Streams.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--stream", action="append", default=[], help="a stream that is there from the start")
    parser.add_argument("--shards", type=int, default=1, help="of each of these streams")
    options = parser.parse_args()
    install(options.stream, options.shards)
    make_server(HOST, options.port, application, threaded=True, request_handler=_Handler).serve_forever()


if __name__ == "__main__":
    run_script(main)
