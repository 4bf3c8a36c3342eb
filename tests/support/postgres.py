"""A real PostgreSQL server on a free port, in a temporary folder, for as long as a test needs it."""

import os
import secrets
import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy
from sqlalchemy import URL, Engine

from tests.support.authority import write_certificates
from tests.support.waiting import eventually
from tooling.local_cloud.processes import free_port, listens

USER = "poster"
_DATABASE = "pinterest"
_SECONDS_TO_START = 60
_PLACES = os.pathsep.join((os.environ.get("PATH", ""), *map(str, Path("/usr/lib/postgresql").glob("*/bin"))))


@dataclass(frozen=True)
class Server:
    """A running server that only this machine reaches; its zone is not UTC, and it has a certificate for localhost.

    Attributes:
        port: Its port.
        password: The password of its only user.
        authority: The file of the certificate's authority.
    """

    port: int
    password: str
    authority: Path

    @property
    def settings(self) -> dict[str, str]:
        return {"SOURCE_DATABASE_USER": USER, "SOURCE_DATABASE_PASSWORD": self.password}

    def url(self, host: str = "127.0.0.1", database: str = _DATABASE) -> str:
        return f"postgresql+psycopg://{host}:{self.port}/{database}"

    def engine(self, database: str = _DATABASE) -> Engine:
        url = URL.create("postgresql+psycopg", USER, self.password, "127.0.0.1", self.port, database)
        return sqlalchemy.create_engine(url, isolation_level="AUTOCOMMIT")


def require_postgresql() -> None:
    """Skip where no PostgreSQL is installed; where CI=true, fail."""
    missing = [name for name in ("initdb", "postgres") if not shutil.which(name, path=_PLACES)]
    if missing and os.environ.get("CI") != "true":
        pytest.skip(f"{' and '.join(missing)} not found: install postgresql to run this test")
    assert not missing, f"CI must install postgresql: {' and '.join(missing)} not found"


@contextmanager
def postgresql() -> Iterator[Server]:
    """Start a server with its data in a folder of its own, and stop it."""
    # PostgreSQL does not run as root, and the folders of tests are root's alone.
    runs_as = "postgres" if os.geteuid() == 0 else None
    with TemporaryDirectory() as name:
        folder = Path(name)
        data, log = folder / "data", folder / "log"
        server = Server(free_port(), secrets.token_hex(8), folder / "ca.crt")
        (folder / "password").write_text(server.password)
        write_certificates(folder, "localhost")
        (folder / "server.key").chmod(0o600)
        if runs_as:
            for path in (folder, *folder.iterdir()):
                shutil.chown(path, runs_as)
        program = str(shutil.which("initdb", path=_PLACES))
        options = [f"--username={USER}", "--auth=scram-sha-256", f"--pwfile={folder / 'password'}", "--no-sync"]
        done = subprocess.run(
            [program, f"--pgdata={data}", "--encoding=UTF8", "--locale=C", *options],
            capture_output=True,
            text=True,
            check=False,
            user=runs_as,
            cwd=folder,
        )
        assert done.returncode == 0, done.stderr
        settings = {
            "port": server.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": folder,
            "fsync": "off",
            "timezone": "Asia/Kolkata",
            "datestyle": "SQL, DMY",
            "ssl": "on",
            "ssl_cert_file": folder / "server.crt",
            "ssl_key_file": folder / "server.key",
        }
        command = [str(shutil.which("postgres", path=_PLACES)), "-D", str(data)]
        for setting, value in settings.items():
            command += ["-c", f"{setting}={value}"]
        with (
            log.open("wb") as output,
            subprocess.Popen(command, stdout=output, stderr=output, user=runs_as, cwd=folder) as process,
        ):
            try:
                _wait_for(server, process, log)
                yield server
            finally:
                # Fast shutdown: SIGTERM would wait for clients to disconnect.
                process.send_signal(signal.SIGINT)


def _wait_for(server: Server, process: "subprocess.Popen[bytes]", log: Path) -> None:
    eventually(lambda: process.poll() is not None or listens(server.port), _SECONDS_TO_START)
    if not listens(server.port):
        pytest.fail(f"PostgreSQL did not start:\n{log.read_text(errors='replace')[-2000:]}")
    postgres = server.engine("postgres")
    with postgres.connect() as connection:
        connection.execute(sqlalchemy.text(f"CREATE DATABASE {_DATABASE}"))
    postgres.dispose()
