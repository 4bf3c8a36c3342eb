#!/usr/bin/env python
"""Python for a Spark server whose workers connect to it before they import anything.

Spark gives a worker ten seconds for its imports. On a busy machine that is too little for the worker of `foreachBatch`,
which imports pandas, Arrow and gRPC. The limit cannot be set, but it ends with the connection.
"""

import os
import runpy
import socket
import struct
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

_LENGTH = struct.Struct("!i")


def main() -> None:
    """Run what Python was to run: a worker with its connection, anything else as it is."""
    port, secret = (os.environ.get(f"PYTHON_WORKER_FACTORY_{name}", "") for name in ("PORT", "SECRET"))
    if not port:
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
    connected = _connected(int(port), secret.encode())
    vars(import_module("pyspark.util"))["local_connect_and_auth"] = lambda *_: connected
    sys.path[0] = str(Path.cwd())  # as where Python is given a module
    _, module = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _connected(port: int, secret: bytes) -> tuple[Any, socket.socket]:
    """Connect as pyspark does, and prove who this is."""
    connection = socket.create_connection(("127.0.0.1", port))
    file = connection.makefile("rwb")
    file.write(_LENGTH.pack(len(secret)) + secret)
    file.flush()
    [length] = _LENGTH.unpack(file.read(_LENGTH.size))
    if file.read(length) != b"ok":
        raise ConnectionError("Spark refused its own worker")
    return file, connection


if __name__ == "__main__":
    main()
