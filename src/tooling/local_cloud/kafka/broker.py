"""A real Apache Kafka broker in KRaft mode: one node, this machine only, small and quick to start."""

import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.jars import jars, java
from tooling.local_cloud.processes import HOST, Service, free_port, listens
from tooling.polling import attempts

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
# Kafka logs through SLF4J, which prints nothing without a binding.
LOGGING = "org.slf4j:slf4j-simple:1.7.36"

# A client that ends after the broker would log that on the user's terminal.
QUIET = {"log_level": 0}

_REQUEST_SECONDS = 15
_START_SECONDS = 60
_JAVA_OPTIONS = (
    # A short-lived broker gains more from a quick start than from the last optimisation.
    *("-Xms256m", "-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto"),
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
)


@dataclass(frozen=True)
class Broker:
    """A running broker.

    Attributes:
        service: Its process.
        port: Where clients connect.
    """

    service: Service
    port: int

    @property
    def bootstrap(self) -> str:
        """The address for clients."""
        return f"{HOST}:{self.port}"

    def wait(self) -> None:
        """Return when clients can connect.

        Raises:
            LocalCloudError: The broker ended or took too long.
        """
        self.service.wait_until(lambda: listens(self.port), _START_SECONDS)


def start_broker(folder: Path, logs: Path, port: int) -> Broker:
    """Format the folder if it is new and start a broker on it; `wait` returns when it is ready.

    Args:
        folder: The broker's data, which a later broker on it continues.
        logs: Folder of the log file.
        port: Where clients will connect.

    Raises:
        LocalCloudError: Java or jars are missing, or the folder cannot be formatted.
    """
    program = [str(java()), *_JAVA_OPTIONS, "-cp", ":".join(str(jar) for jar in jars(KAFKA) + jars(LOGGING))]
    settings = folder / "server.properties"
    folder.mkdir(parents=True, exist_ok=True)
    settings.write_text(_properties(folder, port, controller=free_port()), encoding="utf-8")
    if not (folder / "data" / "meta.properties").exists():
        _format(program, settings)
    return Broker(Service("broker", [*program, "kafka.Kafka", str(settings)], logs), port)


def create_topics(bootstrap: str, names: Iterable[str], partitions: int = 3) -> None:
    """Create the topics that do not exist yet; returns when all of them accept records.

    Raises:
        LocalCloudError: The broker refused one, or did not answer.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap, **QUIET})
    wanted = [NewTopic(name, num_partitions=partitions, replication_factor=1) for name in names]
    for name, created in admin.create_topics(wanted, operation_timeout=_REQUEST_SECONDS).items():
        try:
            created.result(_REQUEST_SECONDS)
        except KafkaException as error:
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise LocalCloudError(f"cannot create the topic {name}: {error.args[0].str()}") from error


def record_counts(bootstrap: str, topics: Iterable[str]) -> Mapping[str, int]:
    """Return how many records each topic holds, from the first and last offset of every partition.

    Raises:
        LocalCloudError: The broker does not answer or has no such topic.
    """
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "count", **QUIET})
    try:
        return {topic: sum(end - start for start, end in watermarks(consumer, topic).values()) for topic in topics}
    finally:
        consumer.close()


def watermarks(consumer: Consumer, topic: str) -> Mapping[int, tuple[int, int]]:
    """Return the first offset and the next offset of every partition of a topic.

    Raises:
        LocalCloudError: The broker does not answer or has no such topic.
    """
    try:
        partitions = consumer.list_topics(topic, timeout=_REQUEST_SECONDS).topics[topic].partitions
        found = {number: _watermark(consumer, topic, number) for number in partitions}
    except KafkaException as error:
        raise LocalCloudError(f"cannot get the offsets of {topic}: {error.args[0].str()}") from error
    if not found:
        raise LocalCloudError(f"the broker has no topic {topic}; create it first")
    return found


def _watermark(consumer: Consumer, topic: str, number: int) -> tuple[int, int]:
    failure = KafkaException()
    for _ in attempts(_REQUEST_SECONDS):
        try:
            start, end = consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_REQUEST_SECONDS)
        except KafkaException as error:
            # A new topic can be listed shortly before its partitions have a leader.
            if error.args[0].code() != KafkaError.NOT_LEADER_FOR_PARTITION:
                raise
            failure = error
        else:
            return start, end
    raise failure


def _properties(folder: Path, port: int, controller: int) -> str:
    settings = {
        "process.roles": "broker,controller",
        "node.id": 1,
        "controller.quorum.voters": f"1@{HOST}:{controller}",
        "controller.listener.names": "CONTROLLER",
        "listeners": f"PLAINTEXT://{HOST}:{port},CONTROLLER://{HOST}:{controller}",
        "log.dirs": folder / "data",
        "auto.create.topics.enable": "false",
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 1,
        # The sink resumes by offset, however old the record: retention must not delete any.
        "log.retention.ms": -1,
        "log.cleaner.dedupe.buffer.size": 2**21,
        "num.network.threads": 2,
        "num.io.threads": 2,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def _format(program: list[str], settings: Path) -> None:
    cluster = uuid4().hex[:22]
    done = subprocess.run(
        [*program, "kafka.tools.StorageTool", "format", "-t", cluster, "-c", str(settings)],
        capture_output=True,
        text=True,
        check=False,
        timeout=_START_SECONDS,
    )
    if done.returncode != 0:
        reason = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise LocalCloudError(f"Kafka cannot format {settings.parent}: {' '.join(reason)}")
