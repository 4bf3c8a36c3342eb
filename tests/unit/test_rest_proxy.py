"""The REST proxy's protocol: what a request may look like, and the published error bodies."""

import asyncio
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import NoReturn, cast

import httpx
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer

from pinterest_pipeline.local.broker import QUIET
from pinterest_pipeline.local.rest_proxy import PRODUCE_TYPE, Publisher, Record, application, read_records

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Send one request to a proxy whose broker is not there: none is needed to see a request's faults."""
    app = application(Publisher(Producer({"bootstrap.servers": "127.0.0.1:1", **QUIET})))

    async def send(request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.send(request)

    def ask(method: str, path: str, body: bytes = b"", content_type: str = PRODUCE_TYPE) -> httpx.Response:
        headers = {"Content-Type": content_type}
        return asyncio.run(send(httpx.Request(method, f"http://proxy{path}", content=body, headers=headers)))

    return ask


class FailingProducer:
    """A stand-in: no real broker fails a record for each of these reasons on demand."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def list_topics(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(topics={"a.topic": None})

    def produce(self, *_: object, **__: object) -> NoReturn:
        raise KafkaException(self._error)

    def poll(self, seconds: float) -> None:
        time.sleep(seconds)


def test_keys_and_values_are_json_of_their_own() -> None:
    body = '{"records":[{"key":33,"value":{"title":"Café","n":1.50}},{"key":"a","value":"text"}]}'
    assert read_records(body.encode()) == [
        Record(b"33", '{"title":"Café","n":1.5}'.encode()),
        Record(b'"a"', b'"text"'),
    ]


def test_no_key_and_no_value_are_legal() -> None:
    assert read_records(b'{"records":[{"value":1},{"key":null,"value":null}]}') == [
        Record(None, b"1"),
        Record(None, None),
    ]


def test_half_a_surrogate_pair_stays_an_escape() -> None:
    assert read_records(rb'{"records":[{"value":"\ud800"}]}') == [Record(None, rb'"\ud800"')]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", 42203),
        (b"{", 42203),
        (b"\xff", 42203),
        (b'{"records":[{"value":NaN}]}', 42203),
        (b'{"records":[{"value":1e999}]}', 42203),
        (b"[" * 100_000, 42203),
        (b"[]", 422),
        (b"{}", 422),
        (b'{"records":[]}', 422),
        (b'{"records":{}}', 422),
        (b'{"records":[1]}', 422),
        (b'{"records":[{"value":1,"partition":0}]}', 422),
    ],
)
def test_a_malformed_request_is_422(ask: Ask, body: bytes, code: int) -> None:
    answer = ask("POST", "/topics/a.pin", body)
    assert answer.status_code == 422
    assert answer.json()["error_code"] == code
    assert answer.headers["content-type"] == "application/vnd.kafka.v2+json"


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.kafka.binary.v2+json", ""])
def test_another_content_type_is_415(ask: Ask, content_type: str) -> None:
    answer = ask("POST", "/topics/a.pin", b"{}", content_type)
    assert (answer.status_code, json.loads(answer.content)) == (
        415,
        {"error_code": 415, "message": "HTTP 415 Unsupported Media Type"},
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, 1),
        (KafkaError.NOT_ENOUGH_REPLICAS, 2),
        (KafkaError.TOPIC_AUTHORIZATION_FAILED, 40301),
        (KafkaError.UNKNOWN_TOPIC_OR_PART, 40401),
    ],
)
def test_a_record_that_fails_for_its_caller_or_its_topic_says_so(error: int, code: int) -> None:
    publisher = Publisher(cast("Producer", FailingProducer(KafkaError(error))))

    answer = publisher.send("a.topic", [Record(None, b"1")])

    assert answer["offsets"] == [
        {"partition": None, "offset": None, "error_code": code, "error": KafkaError(error).str()}
    ]


def test_an_unknown_path_is_404(ask: Ask) -> None:
    answer = ask("GET", "/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error_code": 404, "message": "HTTP 404 Not Found"})
