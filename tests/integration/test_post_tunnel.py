"""Database → post → API through a forwarded port to the database, as docs/aws.md describes.

The tunnel is a stand-in for Session Manager's: a port of this machine whose bytes go to the server. The server is a
real MariaDB that takes no connection without TLS, with a certificate for a name that resolves nowhere.
"""

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from pinterest_pipeline.entities import PIN
from pinterest_pipeline.errors import SettingsError, SourceError
from pinterest_pipeline.post.source.opening import open_source
from tests.support.authority import write_certificates
from tests.support.fake_api import fake_api
from tests.support.mariadb import Server, mariadb, require_mariadb
from tests.support.posting import NAMES

SCRIPTS = Path(__file__).parents[2] / "scripts"
NAME = "source-pinterest.abc123.eu-west-1.rds.example"
ROWS = 40


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("certificates")
    write_certificates(found, NAME)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, folder: Path) -> Iterator[Server]:
    require_mariadb()
    certificate = f"--ssl-cert={folder / 'server.crt'}", f"--ssl-key={folder / 'server.key'}"
    with mariadb(tmp_path_factory.mktemp("mariadb"), ("--require-secure-transport=ON", *certificate)) as server:
        yield server


@pytest.fixture(scope="module")
def tunnel(server: Server) -> Iterator[str]:
    """The address of a port that is forwarded to the server."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_forward, args=(listening, server.port), daemon=True).start()
        yield f"127.0.0.1:{listening.getsockname()[1]}"


def _forward(listening: socket.socket, port: int) -> None:
    # Accepting ends when the test closes the port, copying when either side does.
    with suppress(OSError):
        while True:
            near, _ = listening.accept()
            far = socket.create_connection(("127.0.0.1", port))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_copy, args=(source, target), daemon=True).start()


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


@pytest.fixture
def settings(server: Server, tunnel: str, folder: Path) -> dict[str, str]:
    return {
        **server.settings,
        "SOURCE_DATABASE_CA": str(folder / "ca.crt"),
        "SOURCE_DATABASE_TUNNEL": tunnel,
    }


def run(script: str, settings: dict[str, str], folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a script with user and password from a credentials file, as the documentation has it."""
    file = folder / "source.env"
    file.write_text("".join(f'{name}="{value}"\n' for name, value in settings.items()), encoding="utf-8")
    file.chmod(0o600)
    command = [sys.executable, str(SCRIPTS / script), *options, "--credentials-file", str(file)]
    environment = {**os.environ, "COLUMNS": "200"}
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=folder, env=environment)


def test_rows_are_made_and_posted_through_the_tunnel(settings: dict[str, str], tmp_path: Path) -> None:
    url = f"mysql://{NAME}:3306/pinterest"
    made = run("make_source.py", settings, tmp_path, "--url", url, "--rows", str(ROWS))
    assert made.returncode == 0, made.stderr
    with fake_api() as api:
        names = "--api", api.url, "--prefix", NAMES.prefix
        posted = run("post_batch.py", settings, tmp_path, "--source", url, *names)
        assert posted.returncode == 0, posted.stderr
        assert sum(api.keys(NAMES.topic(PIN)).values()) == ROWS


def test_a_server_with_a_certificate_for_another_name_is_refused(settings: dict[str, str], tmp_path: Path) -> None:
    done = run("make_source.py", settings, tmp_path, "--url", "mysql://other.rds.example:3306/pinterest")
    assert done.returncode != 0
    assert "certificate is not valid for 'other.rds.example'" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr


def test_a_tunnel_does_not_make_the_database_this_machine_s(settings: dict[str, str]) -> None:
    without_authority = {name: value for name, value in settings.items() if name != "SOURCE_DATABASE_CA"}
    with pytest.raises(SourceError, match="certificate verify failed"):
        open_source(f"mysql://{NAME}:3306/pinterest", without_authority)


def test_a_tunnel_that_is_not_open_is_named(settings: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        closed = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(SourceError, match=rf"cannot connect to {closed}.*start the port forwarding"):
        open_source(f"mysql://{NAME}:3306/pinterest", {**settings, "SOURCE_DATABASE_TUNNEL": closed})


@pytest.mark.parametrize("tunnel", ["13306", "127.0.0.1", "127.0.0.1:x", ":13306"])
def test_a_tunnel_is_host_and_port(tunnel: str) -> None:
    with pytest.raises(SettingsError, match="must be host:port"):
        open_source(f"mysql://{NAME}/pinterest", {"SOURCE_DATABASE_TUNNEL": tunnel})


def test_a_tunnel_needs_a_driver_that_it_can_lead(tmp_path: Path) -> None:
    (tmp_path / "s.db").touch()
    with pytest.raises(SettingsError, match="works with mysql"):
        open_source(f"sqlite:///{tmp_path / 's.db'}", {"SOURCE_DATABASE_TUNNEL": "127.0.0.1:13306"})
