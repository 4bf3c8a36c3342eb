"""The whole local cloud as one context manager: broker, REST proxy, sink, Kinesis and gateway, from start to end."""

import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from pinterest_pipeline.entities import ENTITIES, Names
from pinterest_pipeline.files import locked
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kafka.broker import create_topics, record_counts, start_broker
from tooling.local_cloud.kafka.landing import LandedFile, Landing
from tooling.local_cloud.kafka.sink import READY, Rotation
from tooling.local_cloud.kinesis import CREDENTIALS, REGION, stream_counts
from tooling.local_cloud.processes import HOST, Service, listens, personal_environment, port_or_free, python_service
from tooling.polling import attempts

DOCUMENT = Path(__file__).parents[3] / "infrastructure" / "api.yaml"
"""The API that the gateway executes: the same file that AWS is given."""

_START_SECONDS = 60
_CHECK_SECONDS = 1.0


@dataclass(frozen=True)
class LocalCloudSettings:
    """The settings of a local cloud.

    Attributes:
        folder: The folder of Kafka's data, landed files and logs. A cloud started on it again continues with them; its
            streams begin empty, since they are in memory.
        prefix: The deployment's id, from which topics and streams are named.
        api_port: The gateway's port; 0 for any free port, also for the other ports.
        rest_proxy_port: The REST proxy's port.
        broker_port: Kafka's port.
        kinesis_port: The emulated Kinesis' port.
        partitions: Partitions of each topic.
        shards: Shards of each stream.
        rotation: When the sink's files are full.
        target: Where the sink writes: a folder or s3://bucket/prefix; empty for `landing` in the folder.
        s3_endpoint: URL of an S3 emulator for a target on S3.
    """

    folder: Path
    prefix: str
    api_port: int = 0
    rest_proxy_port: int = 0
    broker_port: int = 0
    kinesis_port: int = 0
    partitions: int = 3
    shards: int = 2
    rotation: Rotation = field(default_factory=Rotation)
    target: str = ""
    s3_endpoint: str | None = None

    def __post_init__(self) -> None:
        """Check the numbers.

        Raises:
            LocalCloudError: One of them is out of range.
        """
        for name, value in (
            ("flush size", self.rotation.flush_size),
            ("number of partitions", self.partitions),
            ("number of shards", self.shards),
        ):
            if value < 1:
                raise LocalCloudError(f"the {name} must be at least 1; got {value}")

    @property
    def topics(self) -> tuple[str, ...]:
        """The topics of the deployment, in the order of the entities."""
        names = Names(self.prefix)
        return tuple(names.topic(entity) for entity in ENTITIES)

    @property
    def streams(self) -> tuple[str, ...]:
        """The streams of the deployment, in the order of the entities."""
        names = Names(self.prefix)
        return tuple(names.stream(entity) for entity in ENTITIES)

    @property
    def landing_target(self) -> str:
        """Where the sink writes."""
        return self.target or str(self.folder / "landing")


class LocalCloud:
    """The pipeline's cloud on this machine; it runs inside its `with` block and ends with it.

    Args:
        settings: Its settings.

    Attributes:
        settings: The same.
        api_url: Where records are posted: the gateway.
        rest_proxy_url: The REST proxy, which the gateway calls.
        bootstrap: Kafka's address.
        kinesis_url: The emulated Kinesis.
        landing_folder: The folder that holds `topics/`, where the sink writes to a folder.
        log_folder: One log a service.

    Raises:
        LocalCloudError: A port is in use, or the sink's target is invalid.
        SettingsError: The prefix cannot be used.
    """

    def __init__(self, settings: LocalCloudSettings) -> None:
        """Choose ports; nothing is started yet."""
        self.settings = settings
        self._ports = {
            "gateway": port_or_free(settings.api_port, "gateway"),
            "rest_proxy": port_or_free(settings.rest_proxy_port, "REST proxy"),
            "broker": port_or_free(settings.broker_port, "broker"),
            "kinesis": port_or_free(settings.kinesis_port, "Kinesis"),
        }
        self.api_url = f"http://{HOST}:{self._ports['gateway']}"
        self.rest_proxy_url = f"http://{HOST}:{self._ports['rest_proxy']}"
        self.bootstrap = f"{HOST}:{self._ports['broker']}"
        self.kinesis_url = f"http://{HOST}:{self._ports['kinesis']}"
        self.landing_folder = Path(settings.landing_target)
        self.log_folder = settings.folder / "logs"
        self._landing = Landing.at(settings.landing_target, settings.s3_endpoint)
        self._lines: dict[LandedFile, int] = {}
        self._services: list[Service] = []
        self._running = ExitStack()

    def __enter__(self) -> Self:
        """Start everything and return when all of it is ready.

        Raises:
            LocalCloudError: A part cannot be started; nothing is left running.
        """
        with ExitStack() as starting:
            starting.enter_context(_only_one(self.settings.folder, self.log_folder))
            starting.callback(self._stop)
            self._start()
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop everything and wait until it is gone."""
        self._running.close()

    def check(self) -> None:
        """Check that every service runs.

        Raises:
            LocalCloudError: A service ended on its own.
        """
        for service in self._services:
            service.check()

    def run_until_stopped(self) -> None:
        """Keep everything running until Ctrl-C.

        Raises:
            LocalCloudError: A service ended on its own.
        """
        for _ in attempts(math.inf, _CHECK_SECONDS):
            self.check()

    def records_in_kafka(self, topic: str) -> int:
        """Return how many records a topic holds.

        Raises:
            LocalCloudError: There is no such topic.
        """
        return record_counts(self.bootstrap, [topic])[topic]

    def records_in_stream(self, stream: str) -> int:
        """Return how many records a stream holds.

        Raises:
            LocalCloudError: There is no such stream.
        """
        counts = stream_counts(self.kinesis_url)
        if stream not in counts:
            raise LocalCloudError(f"there is no stream {stream}, only {', '.join(sorted(counts)) or 'none'}")
        return counts[stream]

    def records_landed(self, topic: str) -> int:
        """Return how many records of a topic are in files: their lines.

        Raises:
            LocalCloudError: The landing cannot be read.
        """
        files = self._landing.files(topic)
        # A landed file never changes: each is read once.
        self._lines |= {file: self._landing.count_lines(file) for file in files if file not in self._lines}
        return sum(self._lines[file] for file in files)

    def wait_until_landed(self, expected: Mapping[str, int], seconds: float = 60) -> Mapping[str, int]:
        """Wait until the expected records are in files, and return each topic's count.

        Args:
            expected: Topic -> number of records.
            seconds: The longest time to wait.

        Raises:
            LocalCloudError: The time is over, or a service ended on its own.
        """
        landed: Mapping[str, int] = {}
        for _ in attempts(seconds):
            landed = {topic: self.records_landed(topic) for topic in expected}
            if all(landed[topic] >= count for topic, count in expected.items()):
                return landed
            self.check()
        raise LocalCloudError(
            f"after {seconds:g} s there are {landed} records in files, expected {dict(expected)}; "
            f"see {self.log_folder / 'sink.log'}"
        )

    def _start(self) -> None:
        # The small services start while the broker does; each waits for those that it needs.
        rest_proxy = self._add(self._rest_proxy())
        kinesis = self._add(self._kinesis())
        gateway = self._add(self._gateway())
        sink = self._add(self._sink())
        broker = start_broker(self.settings.folder / "kafka", self.log_folder, self._ports["broker"])
        self._add(broker.service)
        broker.wait()
        create_topics(broker.bootstrap, self.settings.topics, self.settings.partitions)
        for service in (rest_proxy, kinesis, gateway):
            service.wait_until(partial(listens, self._ports[service.name]), _START_SECONDS)
        sink.wait_until(lambda: sink.has_logged(READY), _START_SECONDS)

    def _add(self, service: Service) -> Service:
        self._services.append(service)
        return service

    def _rest_proxy(self) -> Service:
        arguments = ["--port", str(self._ports["rest_proxy"]), "--bootstrap", self.bootstrap]
        return python_service("tooling.local_cloud.kafka.rest_proxy", arguments, self.log_folder)

    def _kinesis(self) -> Service:
        streams = [f"--stream={stream}" for stream in self.settings.streams]
        arguments = ["--port", str(self._ports["kinesis"]), "--shards", str(self.settings.shards), *streams]
        return python_service("tooling.local_cloud.kinesis", arguments, self.log_folder)

    def _gateway(self) -> Service:
        stage = f"restProxy={HOST}:{self._ports['rest_proxy']}"
        arguments = [
            *("--port", str(self._ports["gateway"]), "--document", str(DOCUMENT), "--stage-variable", stage),
            *("--kinesis-endpoint", self.kinesis_url, "--region", REGION),
        ]
        return python_service("tooling.local_cloud.api_gateway.gateway", arguments, self.log_folder, CREDENTIALS)

    def _sink(self) -> Service:
        settings, rotation = self.settings, self.settings.rotation
        arguments = [
            *("--bootstrap", self.bootstrap, "--target", settings.landing_target),
            *("--flush-size", str(rotation.flush_size), "--idle-ms", str(rotation.idle_ms)),
            *("--rotate-interval-ms", str(rotation.rotate_interval_ms)),
            *(("--s3-endpoint", settings.s3_endpoint) if settings.s3_endpoint else ()),
        ]
        # Objects are written with the user's credentials.
        environment = None if self._landing.is_local else personal_environment()
        return python_service(
            "tooling.local_cloud.kafka.sink", [*arguments, *settings.topics], self.log_folder, environment
        )

    def _stop(self) -> None:
        # Concurrently: their times to end do not add up.
        for service in self._services:
            service.ask_to_stop()
        while self._services:
            self._services.pop().stop()


@contextmanager
def _only_one(folder: Path, logs: Path) -> Iterator[None]:
    taken = LocalCloudError(f"another local cloud runs in {folder}; stop it or use another folder")
    held = ExitStack()
    try:
        logs.mkdir(parents=True, exist_ok=True)
        held.enter_context(locked(folder / ".lock", taken))
    except OSError as error:
        raise LocalCloudError(f"cannot keep a local cloud in {folder}: {error.strerror}") from error
    with held:
        yield
