"""A stand-in for Confluent REST Proxy, API v2: producing JSON and bytes, and metadata of topics and brokers.

It speaks the published protocol (docs.confluent.io, "API Reference for Confluent REST Proxy", v2) over a real Kafka
producer. Not implemented: formats that need a schema registry (Avro, Protobuf, JSON schema: 415), consumers and
partitions' offsets (404), topics' configurations (empty). Unlike the original it limits a request to 10 MB and
100,000 records.
"""

import argparse
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin._metadata import ClusterMetadata, TopicMetadata
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from tooling.local_cloud.http_service import answer_nobody, read_body, serve
from tooling.local_cloud.kafka.rest_requests import FORMATS, ProxyError, Record, read_records
from tooling.local_cloud.strict_json import compact

Handler = Callable[[Request, bytes], Response]

ANSWER_TYPE = "application/vnd.kafka.v2+json"

NEVER, RETRIABLE = 50002, 50003
"""A failed record's error code: not retriable, or retriable. The documentation has 1 and 2.

A failure by the caller's rights or the topic has the code of the same failure of a whole request.
"""

_UNAUTHENTICATED, _UNAUTHORISED = 40101, 40301
_ANSWER_TYPES = (ANSWER_TYPE, "application/vnd.kafka+json", "application/json")
_TOPIC_NOT_FOUND, _PARTITION_NOT_FOUND = 40401, 40402
_WHERE_THE_KEY_SAYS = -1
_METADATA_SECONDS = 10
# Below the gateway's 29 s, so that a client gets each record's result instead of a timeout.
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
    # The Java client's partitioner: a key has the same partition for every client.
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "acks": "all",
    "linger.ms": 5,
    "reconnect.backoff.ms": 250,
    "reconnect.backoff.max.ms": 250,
    "message.max.bytes": 2**20,
    "message.timeout.ms": _DELIVERY_SECONDS * 1000,
}


def error_body(code: int, message: str) -> bytes:
    """Return the body of a failed request."""
    return compact({"error_code": code, "message": message})


def describe(topic: TopicMetadata) -> Mapping[str, object]:
    """Return a topic's metadata as the proxy publishes it."""
    return {"name": topic.topic, "configs": {}, "partitions": describe_partitions(topic)}


def describe_partitions(topic: TopicMetadata) -> list[Mapping[str, object]]:
    """Return the metadata of a topic's partitions, in order."""
    return [
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


class Publisher:
    """Sends requests' records to Kafka and returns the result of each.

    Args:
        producer: Sends them; its broker need not run yet.
    """

    def __init__(self, producer: Producer) -> None:
        """Start the thread that polls the producer's delivery reports."""
        self._producer = producer
        self._known: frozenset[str] = frozenset()
        threading.Thread(target=self._report, daemon=True).start()

    def topics(self) -> Mapping[str, TopicMetadata]:
        """Return every topic that is not Kafka's own.

        Raises:
            ProxyError: The broker does not answer.
        """
        found = self._cluster().topics
        self._known = frozenset(found)
        return {name: topic for name, topic in sorted(found.items()) if not name.startswith("__")}

    def topic(self, name: str) -> TopicMetadata:
        """Return a topic.

        Raises:
            ProxyError: There is no such topic, or the broker does not answer.
        """
        found = self.topics().get(name)
        if found is None:
            raise ProxyError(404, _TOPIC_NOT_FOUND, "Topic not found.")
        return found

    def brokers(self) -> list[int]:
        """Return the ids of the brokers.

        Raises:
            ProxyError: None of them answers.
        """
        return sorted(self._cluster().brokers)

    def send(self, topic: str, records: Sequence[Record]) -> Mapping[str, object]:
        """Send the records, wait for the result of each, and return the response.

        Raises:
            ProxyError: There is no such topic, or the broker does not answer.
        """
        if topic not in self._known:
            self.topic(topic)
        fates = _Fates(len(records))
        for place, record in enumerate(records):
            try:
                self._producer.produce(
                    topic,
                    value=record.value,
                    key=record.key,
                    partition=_WHERE_THE_KEY_SAYS if record.partition is None else record.partition,
                    on_delivery=partial(fates.delivered, place),
                )
            except KafkaException as error:
                fates.settle(place, _failure(error.args[0]))
            except BufferError:
                fates.settle(place, _offset(error_code=RETRIABLE, error="the producer's queue is full"))
        return {"offsets": fates.wait(), "key_schema_id": None, "value_schema_id": None}

    def _cluster(self) -> ClusterMetadata:
        try:
            found: ClusterMetadata = self._producer.list_topics(timeout=_METADATA_SECONDS)
        except KafkaException as error:
            raise ProxyError(500, NEVER, f"Kafka error: {error.args[0].str()}") from error
        return found

    def _report(self) -> None:
        while True:
            self._producer.poll(1)


class _Fates:
    """The results of one request's records."""

    def __init__(self, size: int) -> None:
        self._answers: list[Mapping[str, object]] = [{}] * size
        self._open = size
        self._lock = threading.Lock()
        self._done = threading.Event()

    def delivered(self, place: int, error: KafkaError | None, message: Message) -> None:
        self.settle(place, _failure(error) if error else _offset(message.partition(), message.offset()))

    def settle(self, place: int, answer: Mapping[str, object]) -> None:
        self._answers[place] = answer
        # Failures are set by the request's thread, deliveries by the reporting one.
        with self._lock:
            self._open -= 1
            if self._open == 0:
                self._done.set()

    def wait(self) -> list[Mapping[str, object]]:
        self._done.wait()
        return self._answers


def application(publisher: Publisher) -> Starlette:
    """Return the web application over a publisher."""

    def produce(request: Request, body: bytes) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind not in FORMATS:
            raise HTTPException(415)
        topic, partition = request.path_params["topic"], request.path_params.get("partition")
        if partition is not None:
            _partition(publisher.topic(topic), partition)
        return _answer(publisher.send(topic, read_records(body, kind, partition)))

    def topic(request: Request, _: bytes) -> Response:
        return _answer(describe(publisher.topic(request.path_params["topic"])))

    def partitions(request: Request, _: bytes) -> Response:
        return _answer(describe_partitions(publisher.topic(request.path_params["topic"])))

    def partition(request: Request, _: bytes) -> Response:
        found = publisher.topic(request.path_params["topic"])
        return _answer(_partition(found, request.path_params["partition"]))

    app = Starlette(
        routes=[
            *_resource("/", GET=lambda *_: _answer({})),
            *_resource("/brokers", GET=lambda *_: _answer({"brokers": publisher.brokers()})),
            *_resource("/topics", GET=lambda *_: _answer(list(publisher.topics()))),
            *_resource("/topics/{topic}", GET=topic, POST=produce),
            *_resource("/topics/{topic}/partitions", GET=partitions),
            *_resource("/topics/{topic}/partitions/{partition:int}", GET=partition, POST=produce),
        ],
        exception_handlers={
            ProxyError: _answer_proxy_error,
            HTTPException: _answer_http_error,
            ClientDisconnect: answer_nobody,
        },
    )
    # A redirect would name this address, which the gateway's callers cannot reach.
    app.router.redirect_slashes = False
    return app


def _resource(path: str, **handlers: Handler) -> list[Route]:
    """Return the routes of a path, with and without a slash at its end: one for all methods, so that others get 405."""

    async def answer(request: Request) -> Response:
        body = await read_body(request)
        if body is None:
            raise HTTPException(413)
        accepted = parse_accept_header(request.headers.get("accept", "*/*"), MIMEAccept)
        if accepted.best_match(_ANSWER_TYPES) is None:
            raise HTTPException(406)
        return await run_in_threadpool(handlers["GET" if request.method == "HEAD" else request.method], request, body)

    return [Route(one, answer, methods=list(handlers)) for one in sorted({path, f"{path.rstrip('/')}/"})]


def _partition(topic: TopicMetadata, number: int) -> Mapping[str, object]:
    found = next((one for one in describe_partitions(topic) if one["partition"] == number), None)
    if found is None:
        raise ProxyError(404, _PARTITION_NOT_FOUND, "Partition not found.")
    return found


def _failure(error: KafkaError) -> Mapping[str, object]:
    return _offset(error_code=_CODES.get(error.code(), RETRIABLE), error=error.str())


def _offset(
    partition: int | None = None, offset: int | None = None, error_code: int | None = None, error: str | None = None
) -> Mapping[str, object]:
    return {"partition": partition, "offset": offset, "error_code": error_code, "error": error}


def _answer(content: object) -> Response:
    return Response(compact(content), media_type=ANSWER_TYPE)


async def _answer_proxy_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, ProxyError):
        raise error
    return Response(error_body(error.code, str(error)), error.status, media_type=ANSWER_TYPE)


async def _answer_http_error(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    message = f"HTTP {error.status_code} {error.detail}"
    return Response(error_body(error.status_code, message), error.status_code, error.headers, media_type=ANSWER_TYPE)


def main() -> None:
    """Serve until a signal stops the process."""
    parser = argparse.ArgumentParser(description="Stand-in for Confluent REST Proxy v2.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--bootstrap", required=True, help="the broker's address")
    options = parser.parse_args()
    producer = Producer({"bootstrap.servers": options.bootstrap, **_PRODUCER})
    serve(application(Publisher(producer)), options.port, access_log=False)


if __name__ == "__main__":
    main()
