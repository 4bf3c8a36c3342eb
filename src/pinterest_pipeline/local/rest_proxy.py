"""A stand-in for Confluent REST Proxy, API v2: the JSON part of producing, and the topics' metadata.

It speaks the published protocol (docs.confluent.io, "API Reference for Confluent REST Proxy", v2) over a real Kafka
producer. Not there: other embedded formats, consumers, a record's own choice of partition, topic configurations.
"""

import argparse
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import uvicorn
from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin._metadata import TopicMetadata
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from pinterest_pipeline.local.processes import HOST
from pinterest_pipeline.local.strict_json import compact, parse

PRODUCE_TYPE = "application/vnd.kafka.json.v2+json"
ANSWER_TYPE = "application/vnd.kafka.v2+json"

NEVER, RETRIABLE = 1, 2
"""A failed record's error code: it can never pass, or it may pass when sent again.

What fails for its caller or its topic has the code of the same failure of a whole request.
"""

_UNAUTHENTICATED, _UNAUTHORISED = 40101, 40301
_TOPIC_NOT_FOUND, _NOT_JSON, _UNPROCESSABLE, _KAFKA_ERROR = 40401, 42203, 422, 50002
_METADATA_SECONDS = 10
# Below the gateway's 29 s, so that a client learns each record's fate instead of a time-out.
_DELIVERY_SECONDS = 20
_CODES = {
    KafkaError.INVALID_MSG: NEVER,
    KafkaError.INVALID_MSG_SIZE: NEVER,
    KafkaError.INVALID_RECORD: NEVER,
    KafkaError.MSG_SIZE_TOO_LARGE: NEVER,
    KafkaError.SASL_AUTHENTICATION_FAILED: _UNAUTHENTICATED,
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: _UNAUTHORISED,
    KafkaError.TOPIC_AUTHORIZATION_FAILED: _UNAUTHORISED,
    KafkaError.UNKNOWN_TOPIC_OR_PART: _TOPIC_NOT_FOUND,
}
_PRODUCER = {
    # The Java client's partitioner: a key lands on the same partition whoever sends it.
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "reconnect.backoff.ms": 250,
    "reconnect.backoff.max.ms": 250,
    "message.max.bytes": 2**20,
    "message.timeout.ms": _DELIVERY_SECONDS * 1000,
}


class ProxyError(Exception):
    """Raised to answer a request with one of the published error bodies."""

    def __init__(self, status: int, code: int, message: str) -> None:
        """Keep the HTTP status, the error code and the message of the answer."""
        super().__init__(message)
        self.status = status
        self.code = code


@dataclass(frozen=True)
class Record:
    """One record of a request as Kafka gets it; no key and no value are both legal."""

    key: bytes | None
    value: bytes | None


def read_records(body: bytes) -> list[Record]:
    """Return the records of a produce request.

    Raises:
        ProxyError: The body is not JSON, or not of the request's shape.
    """
    try:
        request = parse(body)
    except ValueError as error:
        raise ProxyError(422, _NOT_JSON, f"Conversion of JSON to Object failed: {error}") from error
    records = request.get("records") if isinstance(request, dict) else None
    if not isinstance(records, list) or not records:
        raise ProxyError(422, _UNPROCESSABLE, "records must not be empty")
    return [_read_record(place, record) for place, record in enumerate(records)]


def error_body(code: int, message: str) -> bytes:
    """Return the body of a failed request."""
    return compact({"error_code": code, "message": message})


def describe(topic: TopicMetadata) -> Mapping[str, object]:
    """Return a topic's metadata as the proxy publishes it."""
    partitions = [
        {
            "partition": number,
            "leader": partition.leader,
            "replicas": [
                {"broker": broker, "leader": broker == partition.leader, "in_sync": broker in partition.isrs}
                for broker in partition.replicas
            ],
        }
        for number, partition in sorted(topic.partitions.items())
    ]
    return {"name": topic.topic, "configs": {}, "partitions": partitions}


class Publisher:
    """Sends requests' records to Kafka and tells what became of each.

    Args:
        producer: Sends them; its broker need not be up yet.
    """

    def __init__(self, producer: Producer) -> None:
        """Start the thread that brings the producer's delivery reports."""
        self._producer = producer
        self._known: frozenset[str] = frozenset()
        threading.Thread(target=self._report, daemon=True).start()

    def topics(self) -> Mapping[str, TopicMetadata]:
        """Return every topic that is not Kafka's own.

        Raises:
            ProxyError: The broker does not answer.
        """
        try:
            found = self._producer.list_topics(timeout=_METADATA_SECONDS).topics
        except KafkaException as error:
            raise ProxyError(500, _KAFKA_ERROR, f"Kafka error: {error.args[0].str()}") from error
        self._known = frozenset(found)
        return {name: topic for name, topic in sorted(found.items()) if not name.startswith("__")}

    def send(self, topic: str, records: Sequence[Record]) -> Mapping[str, object]:
        """Send the records and return the answer when the fate of the last one is known; blocks until then.

        Raises:
            ProxyError: There is no such topic, or the broker does not answer.
        """
        if topic not in self._known and topic not in self.topics():
            raise ProxyError(404, _TOPIC_NOT_FOUND, "Topic not found.")
        fates = _Fates(len(records))
        for place, record in enumerate(records):
            try:
                self._producer.produce(
                    topic, value=record.value, key=record.key, on_delivery=partial(fates.delivered, place)
                )
            except KafkaException as error:
                fates.settle(place, _failure(error.args[0]))
            except BufferError:
                fates.settle(place, _offset(error_code=RETRIABLE, error="the producer's queue is full"))
        return {"offsets": fates.wait(), "key_schema_id": None, "value_schema_id": None}

    def _report(self) -> None:
        while True:
            self._producer.poll(1)


class _Fates:
    """What became of each record of one request."""

    def __init__(self, size: int) -> None:
        self._answers: list[Mapping[str, object]] = [{}] * size
        self._open = size
        self._lock = threading.Lock()
        self._done = threading.Event()

    def delivered(self, place: int, error: KafkaError | None, message: Message) -> None:
        self.settle(place, _failure(error) if error else _offset(message.partition(), message.offset()))

    def settle(self, place: int, answer: Mapping[str, object]) -> None:
        self._answers[place] = answer
        # Records fail in the request's thread and arrive in the reporting one.
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._done.set()

    def wait(self) -> list[Mapping[str, object]]:
        self._done.wait()
        return self._answers


def application(publisher: Publisher) -> Starlette:
    """Return the web application over a publisher."""

    async def produce(request: Request) -> Response:
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PRODUCE_TYPE:
            raise HTTPException(415)
        body = await request.body()
        return await run_in_threadpool(_produce, publisher, request.path_params["topic"], body)

    def topics(_: Request) -> Response:
        return _answer(200, compact(list(publisher.topics())))

    def topic(request: Request) -> Response:
        found = publisher.topics().get(request.path_params["topic"])
        if found is None:
            raise ProxyError(404, _TOPIC_NOT_FOUND, "Topic not found.")
        return _answer(200, compact(describe(found)))

    return Starlette(
        routes=[
            Route("/topics", topics),
            Route("/topics/{topic}", topic, methods=["GET"]),
            Route("/topics/{topic}", produce, methods=["POST"]),
        ],
        exception_handlers={ProxyError: _answer_proxy_error, HTTPException: _answer_http_error},
    )


def _produce(publisher: Publisher, topic: str, body: bytes) -> Response:
    return _answer(200, compact(publisher.send(topic, read_records(body))))


def _read_record(place: int, record: object) -> Record:
    if not isinstance(record, dict) or not record.keys() <= {"key", "value"}:
        raise ProxyError(422, _UNPROCESSABLE, f"records[{place}] must be an object of a key and a value")
    try:
        return Record(_serialised(record.get("key")), _serialised(record.get("value")))
    except ValueError as error:
        raise ProxyError(422, _NOT_JSON, f"Conversion of JSON to Object failed: records[{place}]: {error}") from error


def _serialised(value: object) -> bytes | None:
    return None if value is None else compact(value)


def _failure(error: KafkaError) -> Mapping[str, object]:
    return _offset(error_code=_CODES.get(error.code(), RETRIABLE), error=error.str())


def _offset(
    partition: int | None = None, offset: int | None = None, error_code: int | None = None, error: str | None = None
) -> Mapping[str, object]:
    return {"partition": partition, "offset": offset, "error_code": error_code, "error": error}


def _answer(status: int, body: bytes) -> Response:
    return Response(body, status, media_type=ANSWER_TYPE)


async def _answer_proxy_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ProxyError):
        raise error
    return _answer(error.status, error_body(error.code, str(error)))


async def _answer_http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    message = f"HTTP {error.status_code} {error.detail}"
    return _answer(error.status_code, error_body(error.status_code, message))


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description="Stand-in for Confluent REST Proxy v2.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bootstrap", required=True, help="the broker's address")
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.bootstrap, **_PRODUCER})
    uvicorn.run(application(Publisher(producer)), host=HOST, port=options.port, access_log=False)


if __name__ == "__main__":
    main()
