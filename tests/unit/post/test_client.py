import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from threading import Timer

import httpx
import pytest
from starlette.responses import Response

from pinterest_pipeline.errors import PostError, SettingsError
from pinterest_pipeline.post.api.client import ApiClient, Pace, check_api
from pinterest_pipeline.post.api.payloads import pack
from pinterest_pipeline.post.api.responses import RetryableError, read_answer, read_failure
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.records import Record, json_text
from pinterest_pipeline.post.source.opening import open_source
from tests.support.fake_api import Call, FakeApi, status
from tests.support.posting import post_settings, sqlite_url

TOPIC = TopicRoute("abc123.pin")
PACE = Pace(tries=4, first_wait=0.001, longest_wait=0.002)


def records(count: int) -> list[Record]:
    return [Record(key, json_text({"index": key, "title": "é"}), key) for key in range(count)]


@pytest.fixture
def client(api: FakeApi) -> Iterator[ApiClient]:
    with ApiClient(api.url, PACE) as client:
        yield client


def test_many_records_go_in_one_request(api: FakeApi, client: ApiClient) -> None:
    outcome = client.post(TOPIC, records(500))

    assert (outcome.posted, outcome.refused, len(api.calls)) == (500, (), 1)
    assert api.taken[33] == (TOPIC.name, 33, {"index": 33, "title": "é"})


def test_a_request_speaks_kafka_rest_v2(api: FakeApi, client: ApiClient) -> None:
    client.post(TOPIC, [Record(33, '{"index":33}', 33), Record(None, '"no object"', 0)])

    (call,) = api.calls
    assert call.path == f"{api.stage}/topics/abc123.pin"
    assert call.headers["content-type"] == "application/vnd.kafka.json.v2+json"
    assert call.headers["accept"] == "application/vnd.kafka.v2+json"
    assert json.loads(call.body) == {
        "records": [{"key": 33, "value": {"index": 33}}, {"key": None, "value": "no object"}]
    }


def test_only_the_failed_records_go_again(api: FakeApi, client: ApiClient) -> None:
    api.script.append(lambda call: api.take_some(call, lambda record: 2 if record["key"] in {3, 7} else None))

    outcome = client.post(TOPIC, records(10))

    assert outcome.posted == 10
    assert [record["key"] for record in api.calls[1].records] == [3, 7]
    assert max(api.keys(TOPIC.name).values()) == 1


def test_a_record_goes_again_behind_an_earlier_one_of_its_key(api: FakeApi, client: ApiClient) -> None:
    api.script.append(lambda call: api.take_some(call, lambda record: 2 if record["value"] == "b" else None))
    sent = [Record(1, '"a"', 0), Record(1, '"b"', 1), Record(2, '"c"', 2), Record(1, '"d"', 3), Record(None, '"e"', 4)]

    outcome = client.post(TOPIC, sent)

    assert api.values(TOPIC.name) == ["a", "c", "d", "e", "b", "d"]
    assert (outcome.posted, outcome.repeated) == (5, 2)


def test_records_without_a_key_do_not_go_again_for_each_other(api: FakeApi, client: ApiClient) -> None:
    api.script.append(lambda call: api.take_some(call, lambda record: 2 if record["value"] == "a" else None))

    client.post(TOPIC, [Record(None, '"a"', 0), Record(None, '"b"', 1)])

    assert api.values(TOPIC.name) == ["b", "a"]


def test_a_record_that_never_passes_is_refused_with_the_reason(api: FakeApi, client: ApiClient) -> None:
    api.otherwise = lambda call: api.take_some(call, lambda record: 1 if record["key"] == 3 else None)

    outcome = client.post(TOPIC, records(10))

    assert (outcome.posted, len(api.calls)) == (9, 1)
    assert [(refusal.record.key, refusal.reason) for refusal in outcome.refused] == [(3, "error_code 1: scripted")]


@pytest.mark.parametrize("code", [408, 429, 500, 502, 503, 504])
def test_what_passes_later_is_sent_again(api: FakeApi, client: ApiClient, code: int) -> None:
    api.script.extend([status(code), status(code)])

    assert client.post(TOPIC, records(3)).posted == 3
    assert len(api.calls) == 3


@pytest.mark.parametrize(("code", "repeated"), [(429, 0), (408, 6), (500, 6), (504, 6)])
def test_what_may_be_in_and_goes_again_is_counted(api: FakeApi, client: ApiClient, code: int, repeated: int) -> None:
    api.script.extend([status(code), status(code)])

    assert client.post(TOPIC, records(3)).repeated == repeated


def test_what_is_in_twice_is_never_more_than_what_is_counted(api: FakeApi, client: ApiClient) -> None:
    def take_and_fail(call: Call) -> Response:
        api.take(call)
        return status(502)(call)

    api.script.extend([take_and_fail, status(413), take_and_fail])

    outcome = client.post(TOPIC, records(4))

    assert (outcome.posted, outcome.repeated) == (4, 6)
    assert len(api.taken) == outcome.posted + outcome.repeated


def test_what_never_left_is_not_counted() -> None:
    assert not read_failure(httpx.ConnectError("refused")).maybe_written
    assert read_failure(httpx.ReadError("reset")).maybe_written
    assert read_failure(httpx.ReadTimeout("late")).maybe_written


def test_an_answer_that_takes_too_long_is_asked_for_again(api: FakeApi) -> None:
    api.slow.append(1.0)

    with ApiClient(api.url, Pace(answer_within=0.3, first_wait=0.001)) as client:
        outcome = client.post(TOPIC, records(3))
    assert (outcome.posted, outcome.repeated, len(api.calls)) == (3, 3, 2)


def test_waits_grow_are_random_and_stop_after_the_last_try(api: FakeApi) -> None:
    waits: list[float] = []
    api.otherwise = status(503)

    with ApiClient(api.url, Pace(), sleep=waits.append) as client, pytest.raises(PostError, match="503"):
        client.post(TOPIC, records(1))

    longest = [min(20.0, 0.5 * 2**number) for number in range(7)]
    assert len(api.calls) == 8
    assert all(0 <= wait <= most for wait, most in zip(waits, longest, strict=True))
    assert len(set(waits)) == 7


def test_retry_after_is_honoured(api: FakeApi) -> None:
    waits: list[float] = []
    api.script.append(status(429, retry_after="7"))

    with ApiClient(api.url, PACE, sleep=waits.append) as client:
        client.post(TOPIC, records(1))

    assert 7 <= waits[0] < 7.1


def test_retry_after_may_be_a_date_and_nonsense_is_ignored() -> None:
    def wait(text: str) -> float:
        with pytest.raises(RetryableError) as raised:
            read_answer(httpx.Response(503, headers={"Retry-After": text}), TOPIC, [])
        return raised.value.wait

    assert wait(format_datetime(datetime.now(UTC) + timedelta(seconds=60))) == pytest.approx(60, abs=2)
    assert wait(format_datetime(datetime.now(UTC) - timedelta(seconds=60))) == 0
    assert wait("soon") == 0
    assert wait("1000000") == 300


@pytest.mark.parametrize("code", [40101, 40301, 40401, 40403])
def test_a_code_that_is_the_caller_s_or_the_topic_s_stops_the_run_and_kills_no_record(
    api: FakeApi, tmp_path: Path, code: int
) -> None:
    source, settings = open_source(sqlite_url(tmp_path, 30), {}), post_settings(api, tmp_path)
    api.script.append(lambda _: None)
    api.otherwise = lambda call: api.take_some(call, lambda _: code)

    with pytest.raises(PostError, match=f"error_code {code}: scripted"):
        post_batch(source, settings)
    api.otherwise = lambda _: None
    tallies = post_batch(source, settings)

    assert [(tally.already + tally.posted, tally.dead + tally.dead_already) for tally in tallies] == [(30, 0)] * 3
    assert not settings.dead_letters.exists()


@pytest.mark.parametrize("variable", ["ALL_PROXY", "HTTPS_PROXY", "SSL_CERT_FILE"])
def test_an_environment_that_cannot_be_used_is_named_without_its_value(
    variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "socks9://user:shown-nowhere@127.0.0.1:1")

    with pytest.raises(SettingsError, match=variable) as raised:
        ApiClient("https://api.example.com", Pace())
    assert "shown-nowhere" not in str(raised.value)


def test_a_client_that_waits_to_try_again_stops_when_told(api: FakeApi) -> None:
    api.otherwise = status(503, retry_after="60")
    with ApiClient(api.url, Pace()) as client:
        Timer(0.3, client.stop).start()
        with pytest.raises(PostError, match="run the same command again"):
            client.post(TOPIC, records(1))
        with pytest.raises(PostError, match="stopped"):
            client.post(TOPIC, records(1))


@pytest.mark.parametrize("code", [400, 413, 422])
def test_a_refused_batch_is_halved_until_the_bad_record_stands_alone(
    api: FakeApi, client: ApiClient, code: int
) -> None:
    def refuse_13(call: Call) -> Response | None:
        return status(code)(call) if 13 in (record["key"] for record in call.records) else None

    api.otherwise = refuse_13

    outcome = client.post(TOPIC, records(64))

    assert [(refusal.record.key, refusal.reason) for refusal in outcome.refused] == [
        (13, f"HTTP {code} (scripted {code})")
    ]
    assert sum(api.keys(TOPIC.name).values()) == outcome.posted == 63
    assert len(api.calls) == 13


@pytest.mark.parametrize(
    ("code", "check"),
    [(401, "--auth"), (403, "execute-api:Invoke"), (404, "--prefix"), (302, "--api"), (405, "--api")],
)
def test_what_only_a_person_can_mend_stops_at_once(api: FakeApi, client: ApiClient, code: int, check: str) -> None:
    api.otherwise = status(code)

    with pytest.raises(PostError, match=check):
        client.post(TOPIC, records(3))
    assert len(api.calls) == 1


@pytest.mark.parametrize("text", ["<html>", "[]", "{}", '{"offsets":[]}', '{"offsets":[1]}'])
def test_an_answer_of_something_else_stops_at_once(api: FakeApi, client: ApiClient, text: str) -> None:
    api.otherwise = lambda _: Response(text)

    with pytest.raises(PostError, match="Kafka REST proxy"):
        client.post(TOPIC, records(3))


def test_an_api_that_is_not_there_is_named() -> None:
    with (
        ApiClient("http://127.0.0.1:9", PACE) as client,
        pytest.raises(PostError, match=r"127\.0\.0\.1:9 .*ConnectError"),
    ):
        client.post(TOPIC, records(1))


@pytest.mark.parametrize(
    "api", ["", "abc", "ftp://host/x", "https://user:secret@host/x", "https://host/x?a=1", "http://[", "http:///x"]
)
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(api: str) -> None:
    with pytest.raises(SettingsError) as raised:
        check_api(api)
    assert "secret" not in str(raised.value)


def test_plain_http_leaves_the_machine_only_when_told_to() -> None:
    with pytest.raises(SettingsError, match="--insecure-http"):
        check_api("http://10.0.0.7:8082")

    assert str(check_api("http://10.0.0.7:8082/", insecure_http=True)) == "http://10.0.0.7:8082"
    assert check_api("http://localhost:8082").host == check_api("https://localhost").host == "localhost"
    assert check_api("http://[::1]:8082").port == 8082


def test_requests_are_cut_by_count_and_by_bytes() -> None:
    long = [Record(key, json_text("x" * 100), key) for key in range(10)]

    assert [len(request) for request in pack(long, TOPIC, 4).requests] == [4, 4, 2]
    by_bytes = pack(long, TOPIC, 500, max_bytes=500)
    assert sum(map(len, by_bytes.requests)) == 10
    assert all(len(TOPIC.body(request)) <= 500 for request in by_bytes.requests)


def test_a_record_no_request_can_hold_is_refused_and_the_rest_goes(api: FakeApi) -> None:
    huge = Record(7, json_text("é" * 200), 7)

    with ApiClient(api.url, Pace(max_bytes=1000)) as client:
        outcome = client.post(TOPIC, [*records(3), huge])

    assert outcome.posted == 3
    assert [refusal.record.key for refusal in outcome.refused] == [7]
    assert "1,000 bytes" in outcome.refused[0].reason
