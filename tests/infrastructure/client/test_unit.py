"""The service's unit: valid for systemd, and as isolated from the machine as a JVM can be."""

import os
import re
import shutil
import subprocess

import pytest

from tests.infrastructure.client.sandbox import Sandbox

UNIT = "etc/systemd/system/kafka-rest.service"
# In tenths, of 10: a service without any of the unit's settings has 9.6, and systemd calls less than 5 ok.
MAX_EXPOSURE = 15


@pytest.fixture
def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None and os.environ.get("CI") != "true":
        pytest.skip("there is no systemd-analyze here")
    assert found
    return found


def settings(sandbox: Sandbox) -> list[tuple[str, str]]:
    lines = [line for line in sandbox.read(UNIT).splitlines() if "=" in line and not line.startswith("#")]
    return [(key, value) for key, _, value in (line.partition("=") for line in lines)]


def test_systemd_accepts_the_unit_without_a_warning(started: Sandbox, systemd_analyze: str) -> None:
    for name in ("sysinit", "basic", "shutdown", "network-online", "multi-user"):
        (started.root / f"etc/systemd/system/{name}.target").write_text("[Unit]\n", encoding="utf-8")
    done = subprocess.run(
        [systemd_analyze, "verify", "--man=no", f"--root={started.root}", f"/{UNIT}"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_the_service_is_isolated_from_the_machine(started: Sandbox, systemd_analyze: str) -> None:
    done = subprocess.run(
        [systemd_analyze, "security", "--offline=true", f"--threshold={MAX_EXPOSURE}", started.root / UNIT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout


def test_the_service_restarts_after_any_exit(started: Sandbox) -> None:
    found = dict(settings(started))
    assert (found["Restart"], found["StartLimitIntervalSec"], found["WantedBy"]) == ("always", "0", "multi-user.target")


def test_the_service_has_its_own_user_and_cannot_change_it(started: Sandbox) -> None:
    found = dict(settings(started))
    assert (found["User"], found["NoNewPrivileges"], found["CapabilityBoundingSet"]) == ("kafka-rest", "yes", "")


def test_every_path_of_the_service_exists(started: Sandbox) -> None:
    values = " ".join(value for key, value in settings(started) if key in {"Environment", "ExecStart"})
    paths = re.findall(r"/[\w./-]+", values)
    assert len(paths) == 4
    assert [path for path in paths if not (started.root / path.lstrip("/")).is_file()] == []
    assert os.access(started.root / "opt/kafka-client/confluent/bin/kafka-rest-start", os.X_OK)


def test_the_service_has_the_jar_that_signs_on_its_class_path(started: Sandbox) -> None:
    assert ("Environment", "CLASSPATH=/opt/kafka-client/iam/aws-msk-iam-auth.jar") in settings(started)
