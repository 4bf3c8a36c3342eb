"""Waiting for a condition: how often it is tried, and for how long."""

import math
from itertools import islice

import pytest

from tooling.polling import attempts


def test_waits_double_up_to_the_longest() -> None:
    waits: list[float] = []
    assert len(list(islice(attempts(math.inf, 0.5, waits.append), 6))) == 6
    assert waits == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])


def test_there_is_one_attempt_even_without_time() -> None:
    assert len(list(attempts(-1))) == 1
