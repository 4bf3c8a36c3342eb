"""A real MariaDB server on a free port, in a temporary folder, for as long as a test needs it."""

import getpass
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from sqlalchemy import URL, Engine

from tests.support.waiting import eventually
from tooling.local_cloud.processes import listens

USER = "poster"
_DATABASE = "pinterest"
_SECONDS_TO_START = 60
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"))


@dataclass(frozen=True)
class Server:
    """A running server that only this machine reaches.

    Attributes:
        port: Its port.
        password: The password of its only user.
    """

    port: int
    password: str

    @property
    def settings(self) -> dict[str, str]:
        return {"SOURCE_DATABASE_USER": USER, "SOURCE_DATABASE_PASSWORD": self.password}

    def url(self, host: str = "127.0.0.1", database: str = _DATABASE) -> str:
        return f"mysql://{host}:{self.port}/{database}"

    def engine(self, **arguments: object) -> Engine:
        url = URL.create("mysql+pymysql", USER, self.password, "127.0.0.1", self.port, _DATABASE)
        return sqlalchemy.create_engine(url, connect_args=arguments)


def require_mariadb() -> None:
    """Skip where no MariaDB is installed; where CI=true, fail."""
    missing = [name for name in ("mariadbd", "mariadb-install-db") if not shutil.which(name, path=_PLACES)]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"{' and '.join(missing)} not found: install mariadb-server to run this test")
    assert not missing, f"CI must install mariadb-server: {' and '.join(missing)} not found"


@contextmanager
def mariadb(folder: Path, options: Sequence[str] = ()) -> Iterator[Server]:
    """Start a server with its data in the folder, and stop it.

    Args:
        folder: An empty folder.
        options: More options for the server.
    """
    data, log = folder / "data", folder / "mariadbd.log"
    # Characters that a URL would have to escape: the password never travels in one.
    password = f"@:/% {secrets.token_hex(8)}"
    _run("mariadb-install-db", "--no-defaults", f"--datadir={data}", "--skip-test-db", *_as_user())
    init = folder / "init.sql"
    init.write_text(
        # One statement a line: the server reads no second one.
        f"CREATE DATABASE {_DATABASE};\n"
        f"CREATE USER {USER}@'%' IDENTIFIED BY '{password}';\n"
        f"GRANT ALL ON *.* TO {USER}@'%';\n"
    )
    server = Server(_free_port(), password)
    command = [
        str(shutil.which("mariadbd", path=_PLACES)),
        "--no-defaults",
        f"--datadir={data}",
        f"--init-file={init}",
        f"--port={server.port}",
        f"--socket={folder / 's'}",
        f"--pid-file={folder / 'pid'}",
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",  # else an anonymous user of localhost would go before ours
        "--character-set-server=latin1",
        *_as_user(),
        *options,
    ]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            _wait_for(server, process, log)
            yield server
        finally:
            process.terminate()


def _wait_for(server: Server, process: subprocess.Popen[bytes], log: Path) -> None:
    eventually(lambda: process.poll() is not None or listens(server.port), _SECONDS_TO_START)
    if not listens(server.port):
        pytest.fail(f"MariaDB did not start:\n{log.read_text(errors='replace')[-2000:]}")


def _run(program: str, *arguments: str) -> None:
    done = subprocess.run(
        [str(shutil.which(program, path=_PLACES)), *arguments], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{program} failed:\n{done.stdout}{done.stderr}"


def _as_user() -> list[str]:
    """MariaDB refuses to run as root without an option."""
    return ["--user=root"] if getpass.getuser() == "root" else []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
