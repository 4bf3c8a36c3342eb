"""Serves the stand-in workspace over HTTPS as `workspace.test`, with a certificate of the tests' own authority.

The provider requests its token at port 443 of the workspace's host, whatever port the connection has. So the name is
never resolved: Airflow's processes have an HTTPS proxy in their environment, which tunnels to the server.
"""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from tests.airflow.workspace import CLIENT_ID, CLIENT_SECRET, RefusedError, Tree, Workspace, name_of

HOST = "workspace.test"


def connection() -> Tree:
    """Return the Airflow connection to the workspace, in the form that a secret holds."""
    fields = {"conn_type": "databricks", "host": f"https://{HOST}", "login": CLIENT_ID, "password": CLIENT_SECRET}
    return {**fields, "extra": {"service_principal_oauth": True}}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    workspace: Workspace

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def _serve(self) -> None:
        url = urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        authorization = self.headers.get("Authorization", "")
        try:
            if url.path == "/oidc/v1/token":
                answer = self.workspace.token(authorization, body)
            else:
                payload: Tree = json.loads(body) if self.command == "POST" else dict(parse_qsl(url.query))
                answer = self.workspace.answer(self.command, url.path, authorization, payload)
        except RefusedError as refusal:
            self._send(refusal.status, refusal.body)
            return
        if (name := name_of(url.path)) in self.workspace.lost:
            self.workspace.lost.remove(name)
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self._send(200, answer)

    def _send(self, status: int, answer: Tree) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: the workspace records its calls."""


class _Proxy(BaseHTTPRequestHandler):
    target: tuple[str, int]

    def do_CONNECT(self) -> None:
        if self.path != f"{HOST}:443":
            self.send_error(403)
            return
        with socket.create_connection(self.target) as server:
            self.send_response(200)
            self.end_headers()
            back = threading.Thread(target=_pump, args=(server, self.connection))
            back.start()
            _pump(self.connection, server)
            back.join()

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    for end in (source, sink):
        with suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@contextmanager
def _running(server: ThreadingHTTPServer) -> Iterator[tuple[str, int]]:
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    host, port = server.server_address[:2]
    try:
        yield str(host), port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def serving(workspace: Workspace, certificate_file: Path, key_file: Path) -> Iterator[str]:
    """Serve the workspace; yields the proxy's address."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"workspace": workspace}))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with _running(server) as target:
        proxy = ThreadingHTTPServer(("127.0.0.1", 0), type("Proxy", (_Proxy,), {"target": target}))
        with _running(proxy) as (host, port):
            yield f"http://{host}:{port}"
