"""Child processes that log to a file, are awaited until ready, and never outlive their parent."""

import os
import secrets
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.guard import GRACE_SECONDS
from tooling.polling import attempts

HOST = "127.0.0.1"
"""The only address the local cloud listens on."""

_TAIL_LINES = 12
# Below the system's range for outgoing connections, so that no client takes a port between choice and use.
_FIRST_PORT, _LAST_PORT = 20000, 32000


class Service:
    """One child process under a guard that ends it when this process is gone.

    Args:
        name: Its name in messages and of its log file.
        command: Program and arguments. Process lists show them: secrets go into the environment.
        logs: Folder of the log file.
        environment: Variables to add to `own_environment`.

    Raises:
        LocalCloudError: The log file cannot be written or the process cannot be started.
    """

    def __init__(
        self, name: str, command: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """Start the process."""
        self.name = name
        self.log = logs / f"{name}.log"
        guarded = [sys.executable, "-m", "tooling.local_cloud.guard", *command]
        try:
            with self.log.open("wb") as log:
                self._guard = subprocess.Popen(
                    guarded,
                    stdin=subprocess.PIPE,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**own_environment(), **(environment or {})},
                    # Ctrl-C in a terminal reaches a whole session: only the parent decides when to stop what.
                    start_new_session=True,
                )
        except OSError as error:
            raise LocalCloudError(f"cannot start the {name}: {error}") from error

    @property
    def guard_pid(self) -> int:
        """The guard's process id; the command itself is the guard's child."""
        return self._guard.pid

    def wait_until(self, ready: Callable[[], bool], seconds: float) -> Self:
        """Wait until `ready` returns true.

        Raises:
            LocalCloudError: The process ended first, or the time is over; the message has the end of its log.
        """
        for _ in attempts(seconds):
            if ready():
                return self
            self.check()
        raise LocalCloudError(f"the {self.name} is not ready after {seconds:g} s; {self._log_tail()}")

    def check(self) -> None:
        """Check that the process runs.

        Raises:
            LocalCloudError: It ended.
        """
        code = self._guard.poll()
        if code is not None:
            raise LocalCloudError(f"the {self.name} ended on its own (exit code {code}); {self._log_tail()}")

    def has_logged(self, text: str) -> bool:
        """Return whether its log holds this text."""
        return text in self.log.read_text(encoding="utf-8", errors="replace")

    def ask_to_stop(self) -> None:
        """Ask the guard to end the process, without waiting."""
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def stop(self) -> None:
        """End the process and wait until it is gone."""
        self.ask_to_stop()
        try:
            self._guard.wait(2 * GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            self._guard.kill()
            self._guard.wait()

    def _log_tail(self) -> str:
        lines = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_TAIL_LINES:]
        return "\n".join([f"its log, {self.log}, ends with:", *lines])


def own_environment() -> dict[str, str]:
    """Return this process's environment without the user's proxies, AWS profiles and AWS credentials.

    Local services reach nothing else, and must not fail for a proxy or a profile.
    """
    kept = {name: value for name, value in os.environ.items() if not _is_personal(name)}
    return {**kept, "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def personal_environment() -> dict[str, str]:
    """Return the part of this process's environment that `own_environment` leaves out."""
    return {name: value for name, value in os.environ.items() if _is_personal(name)}


def _is_personal(name: str) -> bool:
    return name.upper().startswith("AWS_") or name.upper().endswith("_PROXY")


def python_service(
    module: str, arguments: Sequence[str], logs: Path, environment: Mapping[str, str] | None = None
) -> Service:
    """Start a module, such as `tooling.local_cloud.kafka.sink`, as a service named after its last part."""
    command = [sys.executable, "-m", module, *arguments]
    return Service(module.rpartition(".")[2], command, logs, environment)


def listens(port: int) -> bool:
    """Return whether something accepts connections on this local port."""
    try:
        with socket.create_connection((HOST, port), timeout=1):
            return True
    except OSError:
        return False


def free_port() -> int:
    """Return a local port on which nothing listens."""
    while not _can_listen(port := _FIRST_PORT + secrets.randbelow(_LAST_PORT - _FIRST_PORT)):
        continue
    return port


def port_or_free(port: int, what: str) -> int:
    """Return the port if it can be listened on; a free one for 0.

    Raises:
        LocalCloudError: The port is in use or not allowed.
    """
    if port == 0:
        return free_port()
    if not 0 < port < 2**16:
        raise LocalCloudError(f"a port is a number from 0 (any free one) to 65535; got {port} for the {what}")
    if not _can_listen(port):
        raise LocalCloudError(f"port {port} for the {what} is in use; choose another, or 0 for any free one")
    return port


def _can_listen(port: int) -> bool:
    with socket.socket() as attempt:
        # As servers do: a port in TIME_WAIT after a server's end is free.
        attempt.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            attempt.bind((HOST, port))
        except OSError:
            return False
        return True
