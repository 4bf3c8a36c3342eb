"""Child processes: none outlives its parent, and failures are reported."""

import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.processes import all_gone, family
from tests.support.waiting import eventually
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.processes import HOST, Service, free_port, listens, port_or_free

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = """
import signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print("up", flush=True)
time.sleep(600)
"""
PARENT = """
import sys, time
from pathlib import Path
from tooling.local_cloud.processes import Service
service = Service("child", {command!r}, Path({logs!r}))
service.wait_until(lambda: service.has_logged("up"), 30)
print(service.guard_pid, flush=True)
time.sleep(600)
"""


@pytest.fixture
def used_port() -> Iterator[int]:
    with socket.create_server((HOST, 0)) as server:
        yield server.getsockname()[1]


def test_a_service_has_nothing_of_the_person_s_proxies_profiles_and_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_PROFILE", "AWS_SESSION_TOKEN", "HTTP_PROXY", "all_proxy", "MINE"):
        monkeypatch.setenv(name, "of the person")
    show = "import os; print(sorted(n for n, v in os.environ.items() if v == 'of the person'))"
    service = Service("shows", [sys.executable, "-c", show], tmp_path)

    assert eventually(lambda: service.has_logged("['MINE']"))
    service.stop()


@pytest.mark.parametrize(
    ("number", "command"),
    [(signal.SIGTERM, SLEEP), (signal.SIGKILL, SLEEP), (signal.SIGKILL, [sys.executable, "-c", STUBBORN])],
    ids=["terminated", "killed", "killed-with-stubborn-children"],
)
def test_children_die_with_their_parent(number: signal.Signals, command: list[str], tmp_path: Path) -> None:
    source = PARENT.format(command=command, logs=str(tmp_path))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        processes = family(int(parent.stdout.readline()))
        parent.send_signal(number)
    assert len(processes) >= 2
    assert eventually(lambda: all_gone(processes))


def test_stopping_ends_the_process_at_once(tmp_path: Path) -> None:
    service = Service("sleeper", SLEEP, tmp_path)
    service.wait_until(lambda: service.has_logged("up"), 30)
    processes = family(service.guard_pid)
    began = time.monotonic()
    service.stop()
    assert all_gone(processes)
    assert time.monotonic() - began < 5


def test_a_process_that_ends_before_it_is_ready_is_told_with_its_last_words(tmp_path: Path) -> None:
    service = Service("talker", [sys.executable, "-c", "print('no such thing'); raise SystemExit(3)"], tmp_path)
    with pytest.raises(LocalCloudError, match=r"the talker ended on its own \(exit code 3\)") as caught:
        service.wait_until(lambda: False, 30)
    assert str(tmp_path / "talker.log") in str(caught.value)
    assert str(caught.value).endswith("no such thing")
    service.stop()


def test_a_process_that_is_never_ready_is_told(tmp_path: Path) -> None:
    service = Service("sleeper", SLEEP, tmp_path)
    with pytest.raises(LocalCloudError, match=r"the sleeper is not ready after 0\.1 s"):
        service.wait_until(lambda: False, 0.1)
    service.stop()


def test_a_port_in_use_is_refused(used_port: int) -> None:
    with pytest.raises(LocalCloudError, match=f"port {used_port} for the gateway is in use"):
        port_or_free(used_port, "gateway")


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_cannot_be_is_refused(port: int) -> None:
    with pytest.raises(LocalCloudError, match="from 0"):
        port_or_free(port, "gateway")


def test_port_0_is_a_free_one() -> None:
    assert not listens(port_or_free(0, "gateway"))
    assert not listens(free_port())
