"""What is the stream's own in the client: its limits, its answers and its order. The rest is as for topics."""

import json
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.responses import JSONResponse, Response

from pinterest_pipeline.errors import PostError
from pinterest_pipeline.post.api.client import ApiClient, Pace
from pinterest_pipeline.post.api.payloads import pack
from pinterest_pipeline.post.api.route import Route
from pinterest_pipeline.post.api.stream_routes import RecordRoute, StreamRoute
from pinterest_pipeline.post.records import Record, json_text
from tests.support.fake_api import Call, FakeApi, fake_api, status

STREAM = StreamRoute("streaming-abc123-pin")
ONE = RecordRoute(STREAM.name)
PACE = Pace(tries=6, first_wait=0.001, longest_wait=0.002)
THROTTLED = "ProvisionedThroughputExceededException"


@pytest.fixture
def client(api: FakeApi) -> Iterator[ApiClient]:
    with ApiClient(api.url, PACE) as client:
        yield client


def records(count: int) -> list[Record]:
    return [Record(key, json_text({"index": key}), key) for key in range(count)]


def test_many_records_go_as_texts_with_their_keys(api: FakeApi, client: ApiClient) -> None:
    client.post(STREAM, [Record(33, '{"title":"\\"é"}', 33)])

    (call,) = api.calls
    assert (call.path, call.headers["content-type"]) == (
        f"{api.stage}/streams/streaming-abc123-pin/records",
        "application/json",
    )
    assert json.loads(call.body) == {"records": [{"data": '{"title":"\\"é"}', "partition-key": "33"}]}


def test_one_record_goes_as_the_first_version_sent_it(api: FakeApi, client: ApiClient) -> None:
    client.post(ONE, records(2))

    assert [call.path for call in api.calls] == [f"{api.stage}/streams/streaming-abc123-pin/record"] * 2
    assert json.loads(api.calls[1].body) == {"Data": '{"index":1}', "PartitionKey": "1"}


@pytest.mark.parametrize("code", ["AccessDeniedException", "KMSDisabledException", "ResourceNotFoundException"])
def test_a_code_that_is_the_caller_s_or_the_stream_s_stops_posting_at_once(
    api: FakeApi, client: ApiClient, code: str
) -> None:
    api.otherwise = lambda call: api.take_some(call, lambda _: code)

    with pytest.raises(PostError, match=f"{code}: scripted"):
        client.post(STREAM, records(3))
    assert len(api.calls) == 1


def test_a_request_carries_no_more_than_kinesis_takes(api: FakeApi) -> None:
    with ApiClient(api.url, Pace(records_per_request=2000)) as client:
        client.post(STREAM, records(1200))

    assert [len(call.records) for call in api.calls] == [500, 500, 200]


@given(sizes=st.lists(st.integers(0, 400), max_size=30), most=st.integers(100, 1500))
def test_no_body_is_larger_than_its_limit(sizes: list[int], most: int) -> None:
    packing = pack([Record(1, json_text('"' * size), 0) for size in sizes], STREAM, 500, most)

    assert all(len(STREAM.body(request)) <= most for request in packing.requests)
    assert sum(map(len, packing.requests)) + len(packing.refused) == len(sizes)


@pytest.mark.parametrize(("size", "refused"), [(2**20, False), (2**20 + 1, True)])
def test_a_record_is_data_and_key_and_no_larger_than_a_mebibyte(size: int, refused: bool) -> None:
    record = Record(12345, json_text("x" * (size - 7)), 0)

    assert len(record.value) + len("12345") == size
    assert bool(STREAM.refusal_reason(record)) is refused


def test_only_what_failed_goes_again(api: FakeApi, client: ApiClient) -> None:
    api.script.append(lambda call: api.take_some(call, lambda r: THROTTLED if int(r["key"]) % 2 else None))

    outcome = client.post(STREAM, records(10))

    assert [record["key"] for record in api.calls[1].records] == ["1", "3", "5", "7", "9"]
    assert (outcome.posted, outcome.repeated, len(api.taken)) == (10, 0, 10)


def test_a_throttled_record_is_surely_not_in_and_one_that_failed_inside_may_be(api: FakeApi, client: ApiClient) -> None:
    codes = {"1": THROTTLED, "2": "InternalFailure"}
    api.script.append(lambda call: api.take_some(call, lambda record: codes.get(record["key"])))

    assert client.post(STREAM, records(4)).repeated == 1


def test_a_record_goes_again_behind_an_earlier_one_of_its_key(api: FakeApi, client: ApiClient) -> None:
    sent = [Record(1, '"a"', 0), Record(1, '"b"', 1), Record(2, '"c"', 2), Record(1, '"d"', 3)]
    api.script.append(lambda call: api.take_some(call, lambda r: THROTTLED if r["value"] == '"b"' else None))

    outcome = client.post(STREAM, sent)

    assert api.values(STREAM.name) == ['"a"', '"c"', '"d"', '"b"', '"d"']
    assert (outcome.posted, outcome.repeated) == (4, 1)


@pytest.fixture(scope="module")
def failing() -> Iterator[FakeApi]:
    with fake_api() as api:
        yield api


@dataclass(frozen=True)
class Failing:
    """A reply that throttles a request, loses its acknowledgement, or has these fates for its records in turn."""

    api: FakeApi
    trouble: int | tuple[str | None, ...]

    def __call__(self, call: Call) -> Response:
        if self.trouble == 429:
            return status(429)(call)
        if isinstance(self.trouble, int) or call.path.endswith("/record"):
            self.api.take(call)
            return status(500)(call)
        fates = cycle(self.trouble)
        return self.api.take_some(call, lambda _: next(fates))


FATES = st.lists(st.sampled_from([None, THROTTLED, "InternalFailure"]), min_size=1, max_size=5).map(tuple)


@settings(max_examples=40)
@given(
    keys=st.lists(st.integers(0, 3), min_size=1, max_size=20),
    troubles=st.lists(st.sampled_from([429, 500]) | FATES, max_size=4),
    route=st.sampled_from([STREAM, ONE]),
)
def test_the_last_of_a_key_stays_the_last_whatever_fails(
    failing: FakeApi, keys: list[int], troubles: list[int | tuple[str | None, ...]], route: Route
) -> None:
    sent = [Record(key, str(number), number) for number, key in enumerate(keys)]
    failing.taken.clear()
    failing.script = deque(Failing(failing, trouble) for trouble in troubles)

    with ApiClient(failing.url, PACE) as client:
        outcome = client.post(route, sent)

    # Later ones take the place of earlier ones.
    assert {key: value for _, key, value in failing.taken} == {str(record.key): record.value for record in sent}
    assert outcome.posted == len(sent) <= len(failing.taken) <= len(sent) + outcome.repeated


@pytest.mark.parametrize("route", [STREAM, ONE])
def test_a_refused_request_ends_at_the_guilty_record(api: FakeApi, client: ApiClient, route: Route) -> None:
    def refuse_13(call: Call) -> Response | None:
        return status(400)(call) if "13" in (record["key"] for record in call.records) else None

    api.otherwise = refuse_13

    outcome = client.post(route, records(32))

    assert [(refusal.record.key, refusal.reason) for refusal in outcome.refused] == [(13, "HTTP 400 (scripted 400)")]
    assert sorted(int(key) for key in api.keys(route.name)) == [key for key in range(32) if key != 13]


@pytest.mark.parametrize("error", ["AccessDeniedException", "KMSDisabledException"])
def test_what_is_no_record_s_fault_stops_at_once(api: FakeApi, client: ApiClient, error: str) -> None:
    api.otherwise = lambda _: JSONResponse({"message": f"{error}: not authorised"}, 400)

    with pytest.raises(PostError, match=f"fails for every request.*{error}"):
        client.post(STREAM, records(10))
    assert len(api.calls) == 1


def test_a_refused_record_may_name_such_an_error(api: FakeApi, client: ApiClient) -> None:
    api.otherwise = lambda _: JSONResponse({"message": "[text AccessDeniedException does not match]"}, 400)

    assert len(client.post(STREAM, records(2)).refused) == 2


def test_a_stream_that_stays_throttled_says_so(api: FakeApi, client: ApiClient) -> None:
    api.otherwise = lambda call: api.take_some(call, lambda _: THROTTLED)

    with pytest.raises(PostError, match=f"{STREAM.name}: 3 of 3 records failed.*{THROTTLED}"):
        client.post(STREAM, records(3))


@pytest.mark.parametrize("content", [{}, [], {"Records": []}, {"Records": [{}]}, {"offsets": []}])
def test_an_answer_of_something_else_stops_at_once(api: FakeApi, client: ApiClient, content: object) -> None:
    api.otherwise = lambda _: JSONResponse(content)

    for route in (STREAM, ONE):
        with pytest.raises(PostError, match="did not answer like Kinesis"):
            client.post(route, records(2))


def test_an_answer_s_time_is_kept_for_each_request(api: FakeApi, client: ApiClient) -> None:
    api.slow.extend([0.05, 0.0])
    api.script.append(status(429))

    outcome = client.post(STREAM, records(1))

    assert len(outcome.answered) == 2
    assert outcome.answered[0] >= 0.05
