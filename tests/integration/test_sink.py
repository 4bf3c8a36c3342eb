"""The sink over a real broker: exactly once, also after failures."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from confluent_kafka import Producer
from moto.server import ThreadedMotoServer
from pyarrow.fs import S3FileSystem

from tests.integration.conftest import StartSink
from tests.support.kafka import landed_files, landed_lines, numbered, post
from tests.support.waiting import eventually
from tooling.local_cloud.cloud import LocalCloud
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kafka.broker import QUIET
from tooling.local_cloud.kafka.landing import LandedFile, Landing
from tooling.local_cloud.processes import Service, personal_environment


def kill(service: Service) -> None:
    """Kill a service's process as the system does when memory is short."""
    (child,) = psutil.Process(service.guard_pid).children()
    child.send_signal(signal.SIGKILL)
    child.wait(10)


def test_what_is_posted_to_the_api_lands_in_files(local_cloud: LocalCloud) -> None:
    before = local_cloud.records_landed("test.pin")
    post(local_cloud.api_url, "test.pin", numbered(range(1000, 1250)))
    landed = local_cloud.wait_until_landed({"test.pin": before + 250}, 30)
    assert landed == {"test.pin": local_cloud.records_in_kafka("test.pin")}
    rows = [json.loads(line) for line in landed_lines(local_cloud.landing_folder, "test.pin")]
    assert {row["index"] for row in rows} >= set(range(1000, 1250))


def test_a_killed_sink_loses_and_doubles_nothing(
    local_cloud: LocalCloud, topic: str, start_sink: StartSink, tmp_path: Path
) -> None:
    landing = tmp_path / "landing"
    first = start_sink(str(landing), "--flush-size", "7")
    for at in range(0, 2000, 100):
        post(local_cloud.api_url, topic, numbered(range(at, at + 100)))
        if at == 1000:
            kill(first)
    assert landed_files(landing, topic)
    start_sink(str(landing), "--flush-size", "11")
    assert eventually(lambda: len(landed_lines(landing, topic)) >= 2000)
    assert sorted(json.loads(line)["index"] for line in landed_lines(landing, topic)) == list(range(2000))


def test_file_names_tell_the_offsets_of_all_their_records(
    local_cloud: LocalCloud, topic: str, start_sink: StartSink, tmp_path: Path
) -> None:
    post(local_cloud.api_url, topic, numbered(range(100)))
    start_sink(str(tmp_path), "--flush-size", "10")
    assert eventually(lambda: len(landed_lines(tmp_path, topic)) == 100)
    landing = Landing.at(str(tmp_path))
    for partition in range(3):
        files = [file for file in landing.files(topic) if file.partition == partition]
        ends = [0, *(file.start + landing.count_lines(file) for file in files)]
        assert [file.start for file in files] == ends[:-1]


def test_a_file_spans_less_record_time_than_the_interval(
    local_cloud: LocalCloud, topic: str, start_sink: StartSink, tmp_path: Path
) -> None:
    producer = Producer({"bootstrap.servers": local_cloud.bootstrap, **QUIET})
    for second in (0, 1, 9, 10, 25):
        producer.produce(topic, value=str(second), partition=0, timestamp=1_700_000_000_000 + second * 1000)
    assert producer.flush(10) == 0
    start_sink(str(tmp_path), "--rotate-interval-ms", "10000")
    assert eventually(lambda: len(landed_lines(tmp_path, topic)) == 5)
    contents = [file.read_text(encoding="utf-8").split() for file in landed_files(tmp_path, topic)]
    assert contents == [["0", "1", "9"], ["10"], ["25"]]


def test_a_message_that_is_no_json_does_not_break_it(
    local_cloud: LocalCloud, topic: str, start_sink: StartSink, tmp_path: Path
) -> None:
    producer = Producer({"bootstrap.servers": local_cloud.bootstrap, **QUIET})
    for value in (b"test message", None, b'{"index":1}'):
        producer.produce(topic, value=value, partition=1)
    assert producer.flush(10) == 0
    start_sink(str(tmp_path))
    assert eventually(lambda: landed_lines(tmp_path, topic) == ['"test message"', "null", '{"index":1}'])


def test_a_landing_of_another_run_is_refused(topic: str, start_sink: StartSink, tmp_path: Path) -> None:
    Landing.at(str(tmp_path)).write(LandedFile(topic, 0, 0), b"1\n")
    service = start_sink(str(tmp_path), ready=False)
    with pytest.raises(LocalCloudError, match="they belong to different runs"):
        service.wait_until(lambda: False, 30)


@pytest.fixture
def s3_endpoint(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An S3 emulator with a bucket, and credentials that it takes."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    S3FileSystem(endpoint_override=f"{host}:{port}", scheme="http", allow_bucket_creation=True).create_dir("landing")
    yield f"http://{host}:{port}"
    server.stop()


def wait_for_rows(landing: Landing, topic: str, count: int) -> list[int]:
    """Return the numbers of all landed rows, once there are so many."""

    def rows() -> list[int]:
        lines = [line for file in landing.files(topic) for line in landing.read(file).splitlines()]
        return sorted(json.loads(line)["index"] for line in lines)

    assert eventually(lambda: len(rows()) >= count)
    return rows()


def test_it_lands_on_s3_and_goes_on_there(
    local_cloud: LocalCloud, topic: str, start_sink: StartSink, s3_endpoint: str
) -> None:
    landing = Landing.at("s3://landing/some/prefix", s3_endpoint)
    landed: list[int] = []
    for end in (100, 200):
        post(local_cloud.api_url, topic, numbered(range(end - 100, end)))
        service = start_sink(
            "s3://landing/some/prefix", "--s3-endpoint", s3_endpoint, environment=personal_environment()
        )
        landed = wait_for_rows(landing, topic, end)
        service.stop()
    assert landed == list(range(200))
