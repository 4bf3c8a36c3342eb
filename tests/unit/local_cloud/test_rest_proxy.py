"""The REST proxy's protocol: valid requests, and the published error bodies."""

import asyncio
import json
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import NoReturn, cast

import httpx
import pytest
from confluent_kafka import KafkaError, KafkaException, Producer
from hypothesis import given, settings
from hypothesis import strategies as st

from tooling.local_cloud.http_service import MAX_BYTES
from tooling.local_cloud.kafka.broker import QUIET
from tooling.local_cloud.kafka.rest_proxy import Publisher, application
from tooling.local_cloud.kafka.rest_requests import (
    BINARY_TYPE,
    FORMATS,
    MAX_RECORDS,
    PRODUCE_TYPE,
    ProxyError,
    Record,
    read_records,
)

Ask = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def ask() -> Ask:
    """Send one request to a proxy without a broker, which is not needed for a request's faults."""
    app = application(Publisher(Producer({"bootstrap.servers": "127.0.0.1:1", **QUIET})))

    async def send(request: httpx.Request) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app)) as client:
            return await client.send(request)

    def ask(
        method: str, path: str, body: bytes = b"", content_type: str = PRODUCE_TYPE, accept: str = "*/*"
    ) -> httpx.Response:
        headers = {"Content-Type": content_type, "Accept": accept}
        return asyncio.run(send(httpx.Request(method, f"http://proxy{path}", content=body, headers=headers)))

    return ask


class FailingProducer:
    """A stand-in: no real broker fails a record for each of these reasons on demand."""

    def __init__(self, error: KafkaError) -> None:
        self._error = error

    def list_topics(self, **_: object) -> SimpleNamespace:
        return SimpleNamespace(topics={"a.topic": SimpleNamespace(topic="a.topic")})

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


def test_confluents_example_of_json_is_taken() -> None:
    example = (
        b'{"records":[{"key":"somekey","value":{"foo":"bar"}},{"value":["foo","bar"],"partition":1},'
        b'{"value":53.5,"partition":null}]}'
    )
    assert read_records(example) == [
        Record(b'"somekey"', b'{"foo":"bar"}'),
        Record(None, b'["foo","bar"]', 1),
        Record(None, b"53.5"),
    ]


def test_confluents_example_of_bytes_is_taken() -> None:
    example = (
        b'{"records":[{"key":"a2V5","value":"Y29uZmx1ZW50"},{"value":"a2Fma2E=","partition":1},{"value":"bG9ncw=="}]}'
    )
    assert read_records(example, BINARY_TYPE) == [
        Record(b"key", b"confluent"),
        Record(None, b"kafka", 1),
        Record(None, b"logs"),
    ]


def test_a_partition_of_the_request_is_every_records() -> None:
    assert read_records(b'{"records":[{"value":1},{"value":2}]}', partition=2) == [
        Record(None, b"1", 2),
        Record(None, b"2", 2),
    ]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from(["key", "value", "x"]), inner),
    max_leaves=5,
)
PARTITION = st.sampled_from([None, 0, 2, -1, "0", True, 1.0, 2**31])
RECORD = st.fixed_dictionaries({}, optional={"key": JSON, "value": JSON, "partition": PARTITION}) | JSON
BODY = st.builds(lambda records: json.dumps({"records": records}).encode(), st.lists(RECORD, max_size=3) | JSON)


@settings(max_examples=200, derandomize=True)
@given(BODY | JSON.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=20), st.sampled_from([*FORMATS]))
def test_every_body_becomes_records_or_a_published_error(body: bytes, kind: str) -> None:
    found: tuple[int, int] | int
    try:
        found = len(read_records(body, kind))
    except ProxyError as refused:
        found = refused.status, refused.code
    assert found in {(422, 422), (422, 42203)} or found == len(json.loads(body)["records"])


@pytest.mark.parametrize("value", ["5", '"not Base64"', '"YQ"', '"\u00e9"'])
def test_a_value_that_is_not_base64_is_422(ask: Ask, value: str) -> None:
    answer = ask("POST", "/topics/a.pin", f'{{"records":[{{"value":{value}}}]}}'.encode(), BINARY_TYPE)
    assert (answer.status_code, answer.json()["error_code"]) == (422, 42203)


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
        (b'{"records":[{"value":1,"headers":[]}]}', 422),
        (b'{"records":[{"value":1,"partition":-1}]}', 422),
        (b'{"records":[{"value":1,"partition":"0"}]}', 422),
        (b'{"records":[{"value":1,"partition":true}]}', 422),
        (b'{"records":[{"value":1,"partition":2147483648}]}', 422),
    ],
)
def test_a_malformed_request_is_422(ask: Ask, body: bytes, code: int) -> None:
    answer = ask("POST", "/topics/a.pin", body)
    assert answer.status_code == 422
    assert answer.json()["error_code"] == code
    assert answer.headers["content-type"] == "application/vnd.kafka.v2+json"


@pytest.mark.parametrize("content_type", ["application/json", "application/vnd.kafka.avro.v2+json", ""])
def test_another_content_type_is_415(ask: Ask, content_type: str) -> None:
    answer = ask("POST", "/topics/a.pin", b"{}", content_type)
    assert (answer.status_code, json.loads(answer.content)) == (
        415,
        {"error_code": 415, "message": "HTTP 415 Unsupported Media Type"},
    )


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (KafkaError.MSG_SIZE_TOO_LARGE, 50002),
        (KafkaError.NOT_ENOUGH_REPLICAS, 50003),
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


@pytest.mark.parametrize("path", ["/topics/a/b", "/topics/a/partitions/x", "/topics/a/partitions/-1", "/consumers/g"])
def test_what_the_docstring_leaves_out_is_404(ask: Ask, path: str) -> None:
    assert ask("GET", path).status_code == 404


@pytest.mark.parametrize("path", ["/topics/a.pin", "/topics/a.pin/", "/topics/a.pin/partitions/0"])
def test_another_method_is_told_which_there_are(ask: Ask, path: str) -> None:
    answer = ask("DELETE", path)
    assert (answer.status_code, answer.json()["error_code"]) == (405, 405)
    assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("*/*", 200),
        ("application/*", 200),
        ("application/vnd.kafka.v2+json, application/vnd.kafka+json, application/json", 200),
        ("text/html, application/json; q=0.5", 200),
        ("text/html", 406),
        ("application/vnd.kafka.v2+json; q=0", 406),
    ],
)
def test_an_answer_is_of_a_type_that_the_caller_accepts(ask: Ask, accept: str, status: int) -> None:
    answer = ask("GET", "/", accept=accept)
    assert (answer.status_code, answer.json().get("error_code")) == (status, None if status == 200 else 406)


def test_a_request_has_limits(ask: Ask) -> None:
    many = b'{"records":[' + b"{}," * MAX_RECORDS + b"{}]}"
    assert ask("POST", "/topics/a.pin", many).json()["message"] == "a request has at most 100000 records; got 100001"
    assert ask("POST", "/topics/a.pin", b" " * (MAX_BYTES + 1)).status_code == 413
