"""The stream's small pieces: its order, its pace, its buffer of rows, its percentiles."""

import math
import time
from itertools import islice, pairwise
from threading import Event, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pinterest_pipeline.post.batch_buffer import BatchBuffer, BatchLimits
from pinterest_pipeline.post.latency import Latencies
from pinterest_pipeline.post.pacing import Pacer
from pinterest_pipeline.post.records import Record
from pinterest_pipeline.post.rounds import random_order


class Clock:
    """A clock that only waiting, or a test, moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.now += seconds


def rows_within(pacer: Pacer, clock: Clock, seconds: float, cost: float = 0.0) -> int:
    """Count the rows that go until the time is over, each of which costs some time itself."""
    end, count = clock.now + seconds, 0
    while True:
        pacer.next()
        if clock.now >= end:
            return count
        clock.now += cost
        count += 1


@pytest.mark.parametrize("rate", [0.5, 3, 777])
def test_the_rate_is_held_without_drift(rate: float) -> None:
    clock = Clock()

    assert rows_within(Pacer(rate, clock, clock.wait), clock, 1000) == pytest.approx(1000 * rate, abs=rate * 0.011 + 1)


def test_what_a_row_costs_comes_off_the_wait() -> None:
    clock = Clock()

    assert rows_within(Pacer(100, clock, clock.wait), clock, 60, cost=0.009) == pytest.approx(6000, abs=2)


def test_after_a_stall_no_more_than_a_second_is_made_up_for() -> None:
    clock = Clock()
    pacer = Pacer(50, clock, clock.wait)
    pacer.next()

    clock.now += 600

    assert rows_within(pacer, clock, 10) == pytest.approx(11 * 50, abs=2)


def test_a_short_stall_is_made_up_for_whole() -> None:
    clock = Clock()
    pacer = Pacer(50, clock, clock.wait)

    clock.now += 0.8

    assert rows_within(pacer, clock, 10) == pytest.approx(10.8 * 50, abs=2)


def test_without_a_rate_nothing_waits() -> None:
    clock = Clock()
    pacer = Pacer(0, clock, clock.wait)

    for _ in range(1000):
        pacer.next()
    assert clock.now == 1000.0


@given(total=st.integers(1, 2000), seed=st.integers())
def test_each_round_has_every_number_once(total: int, seed: int) -> None:
    order = random_order(total, seed)

    assert sorted(islice(order, total)) == list(range(total))
    assert sorted(islice(order, total)) == list(range(total))


def test_an_order_looks_random() -> None:
    order = list(islice(random_order(10_000, 1), 10_000))

    steps = [abs(after - before) for before, after in pairwise(order)]
    assert sum(steps) / len(steps) == pytest.approx(10_000 / 3, rel=0.03)
    assert sum(place == number for place, number in enumerate(order)) < 10
    assert sum(step == 1 for step in steps) < 12


def test_rounds_and_seeds_differ_and_repeat() -> None:
    first, second = (list(islice(random_order(100, seed), 200)) for seed in (1, 2))

    assert len({tuple(first[:100]), tuple(first[100:]), tuple(second[:100]), tuple(second[100:])}) == 4
    assert first == list(islice(random_order(100, 1), 200))


@given(times=st.lists(st.floats(1e-4, 1e3), min_size=1), share=st.floats(0.01, 1))
def test_percentiles_are_right_to_five_percent(times: list[float], share: float) -> None:
    latencies = Latencies()

    for seconds in times:
        latencies.add(seconds)

    exact = sorted(times)[math.ceil(share * len(times)) - 1]
    assert exact * 0.9999 <= latencies.percentile(share) <= exact * 1.0501


def buffer(records: int = 1000, size: int = 10**6, linger: float = 60.0) -> BatchBuffer:
    return BatchBuffer(BatchLimits(records, size, linger))


def row(size: int) -> Record:
    return Record(1, "x" * size, 1)


def test_rows_go_as_soon_as_they_fill_a_request_by_count_or_by_size() -> None:
    by_count, by_size = buffer(records=3), buffer(size=100)
    for _ in range(4):
        by_count.put(row(1), Event())
        by_size.put(row(60), Event())

    assert (len(by_count.take()), len(by_size.take())) == (3, 2)


def test_rows_that_fill_no_request_go_when_the_first_of_them_has_waited() -> None:
    rows = buffer(linger=0.05)
    began = time.monotonic()
    rows.put(row(1), Event())
    rows.put(row(1), Event())

    assert len(rows.take()) == 2
    assert time.monotonic() - began >= 0.05


def test_no_more_rows_wait_than_two_requests_hold() -> None:
    rows, stop = buffer(records=3), Event()

    def read() -> None:
        for _ in range(10):
            rows.put(row(1), stop)

    reader = Thread(target=read, daemon=True)
    reader.start()
    reader.join(0.3)

    assert reader.is_alive()
    stop.set()
    reader.join(5)
    rows.close()
    assert [len(rows.take()) for _ in range(5)] == [3, 3, 3, 1, 0]


def test_what_comes_after_the_end_is_dropped_and_nobody_waits() -> None:
    rows = buffer(records=1)
    rows.close()

    for _ in range(5):
        rows.put(row(1), Event())
    assert rows.take() == []


def test_times_out_of_all_range_count_too() -> None:
    latencies = Latencies()
    assert latencies.percentile(0.5) == 0

    for seconds in (0.0, 1e-9, 1e6):
        latencies.add(seconds)
    assert latencies.percentile(0.5) <= 1e-4
    assert latencies.percentile(0.99) >= 1000
