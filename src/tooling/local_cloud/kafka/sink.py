"""A stand-in for Confluent's S3 sink connector with JSON format: from Kafka's topics to files of JSON lines.

Its offset in each partition comes from the file names only, never from a consumer group: the last file's offset plus
its lines. So a sink that is killed at any point resumes exactly after the landed records, and every record is in
exactly one file. For the same reason files of any size are safe, also those written because a partition became idle;
the connector's own wall-clock rotation (`rotate.schedule.interval.ms`) gives up exactly-once.
"""

import argparse
import logging
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from threading import Event

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from pinterest_pipeline.console import run_script
from tooling.local_cloud.errors import LocalCloudError
from tooling.local_cloud.kafka.broker import watermarks
from tooling.local_cloud.kafka.landing import LandedFile, Landing
from tooling.local_cloud.strict_json import compact, parse
from tooling.polling import attempts

READY = "ready to land records"
"""The sink's log line when it knows its offset in every partition."""

_log = logging.getLogger("sink")
_POLL_RECORDS = 500
_POLL_SECONDS = 0.1
_TOPIC_SECONDS = 60


@dataclass(frozen=True)
class Rotation:
    """When a file is full.

    Attributes:
        flush_size: Maximum records per file.
        rotate_interval_ms: Limit of the span of the records' timestamps in a file; 0 for none.
        idle_ms: A partition without new records for this long has its file written; counterpart of
            `rotate.schedule.interval.ms`.
        max_bytes: Approximate maximum bytes per file, which bounds the memory for large records.
    """

    flush_size: int = 1000
    rotate_interval_ms: int = 0
    idle_ms: int = 500
    max_bytes: int = 8 * 2**20


@dataclass
class OpenFile:
    """Records of one partition that are not in a file yet.

    Attributes:
        file: Where they will land; its start is the first one's offset.
        first_timestamp: The first one's timestamp, in ms.
        lines: Their lines.
        size: Bytes in the lines.
        touched: When the last one arrived, in seconds of the monotonic clock.
    """

    file: LandedFile
    first_timestamp: int
    lines: list[bytes] = field(default_factory=list)
    size: int = 0
    touched: float = 0.0

    def add(self, line: bytes, now: float) -> None:
        """Append a line."""
        self.lines.append(line)
        self.size += len(line)
        self.touched = now

    def is_full(self, rotation: Rotation) -> bool:
        """Return whether the file has to be written before it takes more."""
        return len(self.lines) >= rotation.flush_size or self.size >= rotation.max_bytes

    def admits(self, offset: int, timestamp: int, rotation: Rotation) -> bool:
        """Return whether the next record belongs in this file: no gap in the offsets, and within the interval."""
        near = rotation.rotate_interval_ms == 0 or timestamp - self.first_timestamp < rotation.rotate_interval_ms
        return near and offset == self.file.start + len(self.lines)

    def is_idle(self, now: float, rotation: Rotation) -> bool:
        """Return whether its partition is idle."""
        return (now - self.touched) * 1000 >= rotation.idle_ms


def to_line(value: bytes | None) -> bytes:
    """Return a record's value as one JSON line; a value that is not JSON becomes a JSON string of its text.

    An unreadable value must neither stop the sink, as it stops the connector, nor be lost: it lands, is counted, and
    goes to quarantine later, with a reason.
    """
    if value is None:
        return b"null\n"
    try:
        parse(value)
    except ValueError:
        return compact(value.decode("utf-8", errors="replace")) + b"\n"
    # Between tokens a line break is mere white space; inside a JSON string there cannot be one.
    return value.strip().replace(b"\r", b" ").replace(b"\n", b" ") + b"\n"


class Sink:
    """Collects records and writes files.

    Args:
        landing: Where the files go.
        rotation: When a file is full.
    """

    def __init__(self, landing: Landing, rotation: Rotation) -> None:
        """Start without an open file."""
        self._landing = landing
        self._rotation = rotation
        self._open: dict[tuple[str, int], OpenFile] = {}

    def take(self, record: Message, now: float) -> None:
        """Add a record to its partition's file; write the file before or after it as the rotation requires.

        Raises:
            LocalCloudError: A file cannot be written, or the broker sent an error in the record's place.
        """
        error = record.error()
        if error is not None:
            raise LocalCloudError(f"the broker sent an error instead of a record: {error.str()}")
        topic, partition, offset = record.topic() or "", record.partition() or 0, record.offset() or 0
        _, timestamp = record.timestamp()
        place = (topic, partition)
        current = self._open.get(place)
        if current is not None and not current.admits(offset, timestamp, self._rotation):
            self._write(place)
            current = None
        if current is None:
            current = self._open[place] = OpenFile(LandedFile(topic, partition, offset), timestamp)
        current.add(to_line(record.value()), now)
        if current.is_full(self._rotation):
            self._write(place)

    def write_idle(self, now: float) -> None:
        """Write the files of idle partitions.

        Raises:
            LocalCloudError: A file cannot be written.
        """
        for place in [place for place, file in self._open.items() if file.is_idle(now, self._rotation)]:
            self._write(place)

    def write_all(self) -> None:
        """Write every open file.

        Raises:
            LocalCloudError: A file cannot be written.
        """
        for place in list(self._open):
            self._write(place)

    def _write(self, place: tuple[str, int]) -> None:
        full = self._open.pop(place)
        self._landing.write(full.file, b"".join(full.lines))
        _log.info("%s: %d records", full.file.path, len(full.lines))


def positions(consumer: Consumer, landing: Landing, topics: Sequence[str]) -> list[TopicPartition]:
    """Return the offset to resume from in every partition.

    Raises:
        LocalCloudError: A topic does not exist, or the landing holds more than Kafka, so they do not match.
    """
    found = []
    for topic in topics:
        for partition, (start, end) in watermarks(consumer, topic).items():
            position = landing.position(topic, partition)
            if position > end:
                raise LocalCloudError(
                    f"{landing.root} holds {position} records of {topic}, partition {partition}, but Kafka only {end}: "
                    "they belong to different runs; use another folder"
                )
            found.append(TopicPartition(topic, partition, max(position, start)))
    return found


def run(consumer: Consumer, sink: Sink, assigned: Sequence[TopicPartition], stopping: Event) -> None:
    """Move records until `stopping` is set; open files are written before the end.

    Args:
        consumer: Reads the records.
        sink: Writes them.
        assigned: The offset to resume from in every partition.
        stopping: Set to stop.

    Raises:
        LocalCloudError: A file cannot be written, or the broker sent an error.
    """
    consumer.assign(list(assigned))
    while not stopping.is_set():
        records = consumer.consume(_POLL_RECORDS, _POLL_SECONDS)
        now = time.monotonic()
        for record in records:
            sink.take(record, now)
        sink.write_idle(now)
    sink.write_all()


def _wait_for(consumer: Consumer, topics: Sequence[str], stopping: Event) -> None:
    missing = set(topics)
    for _ in attempts(_TOPIC_SECONDS, wait=stopping.wait):
        if stopping.is_set() or not (missing := set(topics) - _existing(consumer)):
            return
    raise LocalCloudError(f"no topics {', '.join(sorted(missing))} after {_TOPIC_SECONDS} s; create them")


def _existing(consumer: Consumer) -> set[str]:
    try:
        return set(consumer.list_topics(timeout=1).topics)
    except KafkaException:
        # The broker may still be starting.
        return set()


def _summary(assigned: Sequence[TopicPartition]) -> str:
    return ", ".join(f"{place.topic}+{place.partition} from {place.offset}" for place in assigned)


def _consumer(bootstrap: str) -> Consumer:
    settings: Mapping[str, str | int | bool] = {
        "bootstrap.servers": bootstrap,
        # The client requires a group name; the sink joins no group and commits nothing.
        "group.id": "sink",
        "enable.auto.commit": False,
        "enable.auto.offset.store": False,
        "auto.offset.reset": "error",
        "queued.max.messages.kbytes": 16 * 1024,
        "fetch.wait.max.ms": 100,
        "reconnect.backoff.ms": 250,
        "reconnect.backoff.max.ms": 250,
        "log_level": 3,
    }
    return Consumer(dict(settings))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Stand-in for Confluent's S3 sink connector.")
    parser.add_argument("topics", nargs="+")
    parser.add_argument("--bootstrap", required=True, help="the broker's address")
    parser.add_argument("--target", required=True, help="a folder or s3://bucket/prefix")
    parser.add_argument("--s3-endpoint", help="URL of an S3 emulator")
    parser.add_argument("--flush-size", type=int, default=Rotation.flush_size)
    parser.add_argument("--rotate-interval-ms", type=int, default=Rotation.rotate_interval_ms)
    parser.add_argument("--idle-ms", type=int, default=Rotation.idle_ms)
    return parser.parse_args()


def _serve(options: argparse.Namespace, stopping: Event) -> None:
    landing = Landing.at(options.target, options.s3_endpoint)
    rotation = Rotation(options.flush_size, options.rotate_interval_ms, options.idle_ms)
    consumer = _consumer(options.bootstrap)
    try:
        _wait_for(consumer, options.topics, stopping)
        assigned = positions(consumer, landing, options.topics)
        _log.info("%s: %s", READY, _summary(assigned))
        run(consumer, Sink(landing, rotation), assigned, stopping)
    finally:
        consumer.close()


def main() -> None:
    """Run the sink until a signal stops it."""
    options = _options()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    stopping = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    _serve(options, stopping)


if __name__ == "__main__":
    run_script(main)
