"""The local cloud as a whole: its script, its end, and failures of its start."""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from botocore.credentials import Credentials

from pinterest_pipeline.post.api.signing import SigV4
from tests.support.emulators import kinesis_client, make_stream
from tests.support.kafka import landed_lines, numbered, post
from tests.support.processes import all_gone, family
from tests.support.scripts import SCRIPTS, run_here
from tests.support.waiting import eventually
from tooling.local_cloud.api_gateway.authorisation import VARIABLES
from tooling.local_cloud.cloud import DOCUMENT, LocalCloud, LocalCloudSettings
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.processes import HOST, free_port, listens, python_service

SCRIPT = SCRIPTS / "local_cloud.py"
RunScript = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def run_script() -> Iterator[RunScript]:
    """Start scripts/local_cloud.py with arguments; killed after the test at the latest."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(SCRIPT), *arguments]
        environment = {**os.environ, "COLUMNS": "200"}
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def read_until(process: subprocess.Popen[str], text: str) -> list[str]:
    """Read a process's output up to the line with this text."""
    lines: list[str] = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if text in line:
            break
    return lines


def run_shown(line: str) -> dict[str, Any]:
    """Run a command that the script showed and return the JSON it answers."""
    answer = subprocess.run([*shlex.split(line), "-sS"], capture_output=True, text=True, check=True)
    parsed: dict[str, Any] = json.loads(answer.stdout)
    return parsed


def end(script: subprocess.Popen[str], number: signal.Signals) -> int:
    """Send a signal to the script, and return its exit code when nothing of its cloud is left."""
    processes = family(script.pid)
    assert len(processes) >= 11
    script.send_signal(number)
    code = script.wait(30)
    assert eventually(lambda: all_gone(processes))
    return code


def test_the_script_shows_requests_that_work_and_leaves_nothing_behind(run_script: RunScript, tmp_path: Path) -> None:
    script = run_script("--folder", str(tmp_path), "--prefix", "abc")
    to_topic, to_stream = (run_shown(line) for line in read_until(script, "Ctrl-C") if line.startswith("curl"))
    assert to_topic["offsets"][0]["error_code"] is None
    assert to_stream["ShardId"].startswith("shardId-")
    assert eventually(lambda: landed_lines(tmp_path / "landing", "abc.pin") == ['{"index":1,"title":"Hello"}'])
    assert end(script, signal.SIGINT) == 130


def test_a_script_that_is_killed_leaves_nothing_running_and_its_cloud_goes_on_where_it_was(
    run_script: RunScript, tmp_path: Path
) -> None:
    script = run_script("--folder", str(tmp_path), "--prefix", "abc")
    [to_topic, _] = (run_shown(line) for line in read_until(script, "Ctrl-C") if line.startswith("curl"))
    assert to_topic["offsets"][0]["offset"] == 0
    assert eventually(lambda: landed_lines(tmp_path / "landing", "abc.pin"))
    assert end(script, signal.SIGKILL) == -9
    with LocalCloud(LocalCloudSettings(tmp_path, "abc")) as cloud:
        post(cloud.api_url, "abc.pin", numbered(range(10, 20)))
        assert cloud.wait_until_landed({"abc.pin": 11}, 30) == {"abc.pin": 11}
    indexes = [json.loads(line)["index"] for line in landed_lines(tmp_path / "landing", "abc.pin")]
    assert sorted(indexes) == [1, *range(10, 20)]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--prefix", "Not Good"], "the prefix must be"),
        (["--flush-size", "0"], "the flush size must be at least 1"),
        (["--shards", "0"], "the number of shards must be at least 1"),
        (["--port", "99999"], "a port is a number"),
        (["--target", "ftp://somewhere"], "a folder or to s3://bucket/prefix"),
        (["--folder", "/dev/null/cloud"], "cannot keep a local cloud in"),
    ],
)
def test_bad_input_is_one_clear_line(arguments: list[str], reason: str, tmp_path: Path) -> None:
    done = run_here(SCRIPT, "--folder", str(tmp_path), *arguments, folder=tmp_path, environment=os.environ)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert reason in done.stderr
    assert done.stderr.count("\n") == 1


def test_two_clouds_cannot_share_a_folder(local_cloud: LocalCloud) -> None:
    second = LocalCloud(local_cloud.settings)
    with pytest.raises(LocalCloudError, match="another local cloud runs in"):
        second.__enter__()


def test_a_start_that_fails_leaves_nothing_running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    before = set(psutil.Process().children(recursive=True))
    with (
        pytest.raises(LocalCloudError, match="install Java 17 or newer"),
        LocalCloud(LocalCloudSettings(tmp_path, "abc")),
    ):
        pass
    assert all_gone([process for process in psutil.Process().children(recursive=True) if process not in before])


def test_waiting_for_records_that_never_come_ends(local_cloud: LocalCloud) -> None:
    with pytest.raises(LocalCloudError, match=r"expected \{'test\.user': 1000000\}"):
        local_cloud.wait_until_landed({"test.user": 1_000_000}, 0.3)


def test_counting_a_topic_that_is_not_there_is_told(local_cloud: LocalCloud) -> None:
    with pytest.raises(LocalCloudError, match=r"no topic test\.none"):
        local_cloud.records_in_kafka("test.none")


def test_the_streams_of_the_deployment_are_there(local_cloud: LocalCloud) -> None:
    client = kinesis_client(local_cloud.kinesis_url)
    deployed = {f"streaming-test-{name}" for name in ("pin", "geo", "user")}
    assert deployed <= set(client.list_streams(Limit=100)["StreamNames"])
    assert len(client.list_shards(StreamName="streaming-test-geo")["Shards"]) == local_cloud.settings.shards


def test_a_stream_is_counted_where_its_records_are(local_cloud: LocalCloud) -> None:
    stream = make_stream(kinesis_client(local_cloud.kinesis_url), "counted")
    body = {"records": [{"data": f'{{"index": {key}}}', "partition-key": str(key)} for key in range(7)]}
    httpx.put(f"{local_cloud.api_url}/streams/{stream}/records", json=body, timeout=30).raise_for_status()
    assert local_cloud.records_in_stream(stream) == 7


def test_counting_a_stream_that_is_not_there_is_told(local_cloud: LocalCloud) -> None:
    with pytest.raises(LocalCloudError, match=r"no stream test\.none"):
        local_cloud.records_in_stream("test.none")


def test_no_partitions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LocalCloudError, match="number of partitions must be at least 1"):
        replace(LocalCloudSettings(tmp_path, "abc"), partitions=0)


@pytest.fixture
def closed_api(local_cloud: LocalCloud, tmp_path: Path) -> Iterator[str]:
    """A gateway that knows who may call, in front of the shared cloud's REST proxy."""
    port, proxy = free_port(), local_cloud.rest_proxy_url.removeprefix("http://")
    arguments = ["--port", str(port), "--document", str(DOCUMENT), "--stage-variable", f"restProxy={proxy}"]
    known = dict(zip(VARIABLES, ("caller", "their-secret", ""), strict=True))
    service = python_service("tooling.local_cloud.api_gateway.gateway", arguments, tmp_path, known)
    service.wait_until(lambda: listens(port), 30)
    assert service.has_logged("authorisation: awsSigv4")
    yield f"http://{HOST}:{port}"
    service.stop()


def test_an_api_that_knows_its_callers_takes_their_signed_requests_only(closed_api: str) -> None:
    signed = httpx.get(f"{closed_api}/topics", auth=SigV4(Credentials("caller", "their-secret"), "eu-west-1"))
    forged = httpx.get(f"{closed_api}/topics", auth=SigV4(Credentials("caller", "guessed"), "eu-west-1"))
    assert (signed.status_code, forged.status_code) == (200, 403)
    assert httpx.get(f"{closed_api}/topics").json() == {"message": "Missing Authentication Token"}
