"""start.sh with Kafka's real tool against a real broker: the topics are what the settings say.

The sign-in is left out, for this broker has none; test_sign_in has it.
"""

import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.infrastructure.client.sandbox import Sandbox, kafka_archive
from tooling.local_cloud.jars import java
from tooling.local_cloud.kafka.broker import start_broker
from tooling.local_cloud.processes import free_port

# The real tool, without the two arguments by which it would sign in.
TOOL = """\
#!/bin/bash
arguments=()
while [[ $# -gt 0 ]]; do
  if [[ $1 == --command-config ]]; then shift 2; else arguments+=("$1"); shift; fi
done
tool=(-XX:TieredStopAtLevel=1 -XX:+UseSerialGC -cp {classes} org.apache.kafka.tools.TopicCommand)
exec {java} "${{tool[@]}}" "${{arguments[@]}}"
"""


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[str]:
    broker = start_broker(tmp_path / "broker", tmp_path, free_port())
    try:
        broker.wait()
        yield broker.bootstrap
    finally:
        broker.service.stop()


def described(sandbox: Sandbox, broker: str) -> dict[str, tuple[str, ...]]:
    """Return partitions, replicas and retention of each topic, as Kafka's tool tells them."""
    tool = sandbox.root / "opt/kafka-client/kafka/bin/kafka-topics.sh"
    command = [str(tool), "--bootstrap-server", broker, "--describe"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    topics = re.findall(
        r"Topic: (\S+)\s.*PartitionCount: (\d+)\s+ReplicationFactor: (\d+)\s+Configs:.*retention\.ms=(\d+)", said
    )
    return {name: tuple(settings) for name, *settings in topics}


def test_the_topics_are_created_once_as_the_settings_say(sandbox: Sandbox, broker: str, tools: list[Path]) -> None:
    tool = TOOL.format(java=shlex.quote(str(java())), classes=shlex.quote(":".join(map(str, tools))))
    sandbox.settings |= {
        "KAFKA_ARCHIVE_KEY": sandbox.offer("kafka_2.13-9.9.9.tgz", kafka_archive(tool)),
        "BOOTSTRAP_BROKERS": broker,
        "REPLICATION_FACTOR": "1",
    }
    assert sandbox.run_well().count("start.sh: made the topic test.") == 3
    assert described(sandbox, broker) == dict.fromkeys(("test.pin", "test.geo", "test.user"), ("6", "1", "604800000"))
    assert "made the topic" not in sandbox.run_well()
