import json
import time
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from starlette.responses import Response

from pinterest_pipeline.entities import ENTITIES, GEO, PIN, USER
from pinterest_pipeline.errors import PostError, SettingsError, SourceError
from pinterest_pipeline.post.api.client import MAX_REFUSED_IN_A_ROW, Pace
from pinterest_pipeline.post.source.opening import open_source
from pinterest_pipeline.post.stream import StreamSettings, StreamTally, post_stream
from tests.support.fake_api import Call, FakeApi, Reply, status
from tests.support.posting import NAMES, QUICK, database, folder_of, json_rows, row, sqlite_url, stream_settings

STREAMS = {entity: NAMES.stream(entity) for entity in ENTITIES}


def keys(api: FakeApi, stream: str) -> list[int]:
    return [int(key) for name, key, _ in api.taken if name == stream]


def posted(api: FakeApi, folder: Path, source: str, seed: int, count: int) -> list[int]:
    before = len(api.taken)
    post_stream(open_source(source, {}), replace(stream_settings(api, folder, count=count), seed=seed))
    return [int(key) for name, key, _ in api.taken[before:] if name == STREAMS[GEO]]


def test_a_count_of_the_table_s_size_sends_every_row_once(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(sqlite_url(tmp_path, 70), {})

    tallies = post_stream(source, stream_settings(api, tmp_path, count=70))

    assert [(tally.sent, tally.waiting, tally.repeated, tally.dead) for tally in tallies] == [(70, 0, 0, 0)] * 3
    for stream in STREAMS.values():
        assert keys(api, stream) != sorted(keys(api, stream)) != []
        assert sorted(keys(api, stream)) == list(range(0, 140, 2))


def test_each_round_sends_every_row_once_in_another_order(api: FakeApi, tmp_path: Path) -> None:
    sent = posted(api, tmp_path, sqlite_url(tmp_path, 40), seed=1, count=100)

    assert set(Counter(sent[:40]).values()) == set(Counter(sent[40:80]).values()) == {1}
    assert sent[:40] != sent[40:80]
    assert len(set(sent[80:])) == 20


def test_the_seed_decides_the_order(api: FakeApi, tmp_path: Path) -> None:
    source = sqlite_url(tmp_path, 30)

    first, same, other = (posted(api, tmp_path, source, seed, 30) for seed in (5, 5, 6))

    assert first == same != other


def test_the_rows_of_a_post_go_in_the_same_moment(api: FakeApi, tmp_path: Path) -> None:
    post_stream(open_source(sqlite_url(tmp_path, 30), {}), stream_settings(api, tmp_path, count=30))

    assert keys(api, STREAMS[PIN]) == keys(api, STREAMS[GEO]) == keys(api, STREAMS[USER])


def test_a_row_is_its_json_text_and_its_key(api: FakeApi, tmp_path: Path) -> None:
    title = "\"quoted\" \\ \n $input 😀 'é'"
    source = open_source(database(tmp_path, pin=[row(PIN, 33, title=title)]), {})

    post_stream(source, stream_settings(api, tmp_path, count=1))

    ((stream, key, data),) = api.taken
    assert (stream, key, json.loads(data)) == (STREAMS[PIN], "33", row(PIN, 33, title=title))
    assert api.calls[0].path == f"{api.stage}/streams/{stream}/records"


def test_one_at_a_time_each_row_has_a_request_of_its_own(api: FakeApi, tmp_path: Path) -> None:
    settings = stream_settings(api, tmp_path, count=7, one_at_a_time=True)

    tallies = post_stream(open_source(sqlite_url(tmp_path, 7), {}), settings)

    assert [(tally.sent, tally.requests) for tally in tallies] == [(7, 7)] * 3
    assert {call.path for call in api.calls} == {f"{api.stage}/streams/{stream}/record" for stream in STREAMS.values()}


def test_rows_share_requests_as_far_as_they_fill_them(api: FakeApi, tmp_path: Path) -> None:
    tallies = post_stream(open_source(sqlite_url(tmp_path, 45), {}), stream_settings(api, tmp_path, count=45))

    assert [tally.requests for tally in tallies] == [5, 5, 5]


def test_a_row_does_not_wait_for_others_longer_than_it_lingers(api: FakeApi, tmp_path: Path) -> None:
    settings = replace(stream_settings(api, tmp_path, count=40), rate=20, linger=0.01)

    tallies = post_stream(open_source(sqlite_url(tmp_path, 40), {}), settings)

    # A stall is made up for by a second's rows at most, which then share a request.
    assert min(tally.requests for tally in tallies) > 10


def test_rows_of_one_key_stay_in_the_source_s_order(api: FakeApi, tmp_path: Path) -> None:
    lines = [json.dumps({"ind": number % 7, "at": number}) for number in range(60)]
    source = open_source(str(folder_of(tmp_path, geo=lines)))
    api.otherwise = flaky(api)

    tallies = post_stream(source, stream_settings(api, tmp_path, count=7))

    last = {key: json.loads(data)["at"] for _, key, data in api.taken}
    assert last == {str(number % 7): number for number in range(53, 60)}
    assert tallies[1].sent == 60
    assert len(api.taken) <= 60 + tallies[1].repeated


def flaky(api: FakeApi) -> Reply:
    """Every third record fails the first time it comes."""
    seen = defaultdict[str, int](int)

    def reply(call: Call) -> Response:
        def error(record: dict[str, Any]) -> str | None:
            seen[record["value"]] += 1
            first = seen[record["value"]] == 1 and json.loads(record["value"])["at"] % 3 == 0
            return "ProvisionedThroughputExceededException" if first else None

        return api.take_some(call, error)

    return reply


def test_rows_without_a_usable_key_are_spread_by_their_value(api: FakeApi, tmp_path: Path) -> None:
    lines = ["no json", '{"ind":null}', f'{{"ind":1{"0" * 300}}}', '{"ind":9223372036854775808}']
    source = open_source(str(folder_of(tmp_path, geo=lines)))

    tallies = post_stream(source, stream_settings(api, tmp_path, count=4))

    partition_keys = {key for _, key, _ in api.taken}
    assert tallies[1].sent == len(partition_keys) == 4
    assert "9223372036854775808" in partition_keys
    assert all(1 <= len(key) <= 32 for key in partition_keys)


def test_a_post_may_lack_a_row_or_have_two(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, pin=['{"index":1}', '{"index":2}'], user=['{"ind":2}', '{"ind":2}'])))

    tallies = post_stream(source, stream_settings(api, tmp_path, count=2))

    assert [tally.sent for tally in tallies] == [2, 0, 2]


def test_a_row_larger_than_kinesis_takes_is_a_dead_letter(api: FakeApi, tmp_path: Path) -> None:
    lines = [json.dumps({"index": 1, "title": "x" * size}) for size in (2**20, 100)]
    source = open_source(str(folder_of(tmp_path, pin=lines)))

    pin, *_ = post_stream(source, stream_settings(api, tmp_path, count=1, pace=Pace()))

    letter = json.loads((tmp_path / "dead-letters.jsonl").read_text())
    assert (pin.sent, pin.dead, letter["key"], letter["entity"]) == (1, 1, 1, "pin")
    assert "1,048,576" in letter["reason"]


def test_an_api_that_refuses_everything_stops_posting(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = status(400)

    with pytest.raises(PostError, match=r"refused .* in a row"):
        post_stream(open_source(sqlite_url(tmp_path, 100), {}), stream_settings(api, tmp_path))
    assert len((tmp_path / "dead-letters.jsonl").read_text().splitlines()) < len(ENTITIES) * MAX_REFUSED_IN_A_ROW


def test_a_stream_that_is_not_there_is_named(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = lambda call: status(404)(call) if call.topic == STREAMS[GEO] else None

    with pytest.raises(PostError, match=rf"{STREAMS[GEO]}.*no such stream.*--prefix"):
        post_stream(open_source(sqlite_url(tmp_path, 10), {}), stream_settings(api, tmp_path))


def test_what_goes_wrong_in_the_source_does_not_hold_back_what_was_read(api: FakeApi, tmp_path: Path) -> None:
    source = open_source(str(folder_of(tmp_path, pin=json_rows(PIN, 600))))
    told: dict[str, StreamTally] = {}

    def cut(tally: StreamTally) -> None:
        told[tally.entity.name] = tally
        (tmp_path / "pin.jsonl").write_text("")

    with pytest.raises(SourceError, match=r"pin\.jsonl has changed"):
        post_stream(source, stream_settings(api, tmp_path), cut)
    assert told["pin"].sent == len(api.taken) == 500


def test_a_stop_sends_what_was_read_and_returns(api: FakeApi, tmp_path: Path) -> None:
    stop, told = Event(), list[StreamTally]()
    source = open_source(sqlite_url(tmp_path, 20), {})

    def after_100(tally: StreamTally) -> None:
        told.append(tally)
        if tally.sent >= 100:
            stop.set()

    tallies = post_stream(source, stream_settings(api, tmp_path), after_100, stop)

    assert all(tally.waiting == 0 for tally in tallies)
    assert sum(tally.sent for tally in tallies) == len(api.taken) >= 100
    assert tuple(told[-3:]) == tallies


def test_a_stop_waits_for_a_failing_api_no_longer_than_the_flush_may_take(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = status(503, retry_after="60")
    stop = Event()
    settings = replace(stream_settings(api, tmp_path), flush_within=0.2)
    results = list[tuple[StreamTally, ...]]()
    source = open_source(sqlite_url(tmp_path, 20), {})
    thread = Thread(target=lambda: results.append(post_stream(source, settings, stop=stop)))

    thread.start()
    while len(api.calls) < 3:
        time.sleep(0.01)
    stop.set()
    thread.join(10)

    assert not thread.is_alive()
    assert all((tally.sent, tally.waiting > 0) == (0, True) for tally in results[0])


def test_rows_that_wait_for_a_failing_api_are_told_while_they_wait(api: FakeApi, tmp_path: Path) -> None:
    api.otherwise = status(503, retry_after="1")
    stop = Event()

    def note(tally: StreamTally) -> None:
        if tally.waiting:
            stop.set()

    settings = replace(stream_settings(api, tmp_path), rate=20.0, flush_within=0.1)
    tallies = post_stream(open_source(sqlite_url(tmp_path, 600), {}), settings, note, stop)

    assert all(0 < tally.waiting < 20 for tally in tallies)


def test_a_tally_has_the_latency_of_the_requests(api: FakeApi, tmp_path: Path) -> None:
    api.delay = 0.1

    tallies = post_stream(open_source(sqlite_url(tmp_path, 20), {}), stream_settings(api, tmp_path, count=20))

    assert all(0.1 <= tally.p50 <= tally.p99 < 1 for tally in tallies)


def test_an_acknowledgement_that_is_lost_is_counted(api: FakeApi, tmp_path: Path) -> None:
    def take_and_fail(call: Call) -> Response:
        api.take(call)
        return status(504)(call)

    api.script.append(take_and_fail)

    tallies = post_stream(open_source(sqlite_url(tmp_path, 10), {}), stream_settings(api, tmp_path, count=10))

    assert sum(tally.repeated for tally in tallies) == len(api.taken) - 30 == 10


def test_a_source_without_rows_is_refused(api: FakeApi, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no row"):
        post_stream(open_source(str(folder_of(tmp_path))), stream_settings(api, tmp_path))


@pytest.mark.parametrize(("count", "rate"), [(0, 1.0), (-1, 1.0), (1, -1.0), (1, float("nan")), (1, float("inf"))])
def test_numbers_that_make_no_sense_are_refused(count: int, rate: float) -> None:
    with pytest.raises(SettingsError, match="must be"):
        StreamSettings("http://localhost", NAMES, count, rate, pace=QUICK)
