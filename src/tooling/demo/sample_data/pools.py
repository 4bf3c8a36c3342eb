"""Texts that generated rows draw from, each built once and then referenced."""

from collections.abc import Iterable
from datetime import date, timedelta
from functools import cache

import numpy as np
from numpy.typing import NDArray

from tooling.demo.sample_data.words import CLOSINGS, OPENINGS, POSTERS, REMARKS, SUBJECTS, TAGS

Texts = NDArray[np.object_]

_STRIDES = (1, 2, 4, 5, 7)
_USUAL_TAGS = 9
_FEWEST_TAGS = 3


@cache
def texts(words: tuple[str, ...]) -> Texts:
    """Return the words as an array."""
    return np.array(words, dtype=np.object_)


@cache
def titles() -> Texts:
    """Return titles, one line of them a category."""
    return _by_category(
        [f"{opening} {subject} {closing}" for opening in OPENINGS for subject in subjects for closing in CLOSINGS]
        for subjects in SUBJECTS.values()
    )


@cache
def descriptions() -> Texts:
    """Return descriptions, one line of them a category."""
    remarks = [f"{first} {second}" for first in REMARKS for second in REMARKS if first != second]
    return _by_category(
        [f"{subject.capitalize()}: {remark}" for subject in subjects for remark in remarks]
        for subjects in SUBJECTS.values()
    )


@cache
def tag_lists() -> Texts:
    """Return tags joined by commas, one line a category: walks of different stride through the category's tags."""
    return _by_category(
        [_walk((*map(str.title, subjects), *TAGS), start, stride) for start in range(len(TAGS)) for stride in _STRIDES]
        for subjects in SUBJECTS.values()
    )


@cache
def poster_endings() -> tuple[str, ...]:
    """Return what may follow a poster's name; for half of them it is nothing."""
    return tuple(f" {poster}" for poster in POSTERS) + ("",) * len(POSTERS)


@cache
def numbers(limit: int) -> Texts:
    """Return the digits of every whole number below the limit."""
    return texts(tuple(map(str, range(limit))))


@cache
def days(first: date, count: int) -> Texts:
    """Return the first half of timestamps: days from the first one, each with a space."""
    return texts(tuple(f"{first + timedelta(days=day)} " for day in range(count)))


@cache
def minutes() -> Texts:
    """Return the hour and minute of every minute of a day, each with a colon."""
    return texts(tuple(f"{minute // 60:02}:{minute % 60:02}:" for minute in range(24 * 60)))


@cache
def seconds() -> Texts:
    """Return the seconds of a minute."""
    return texts(tuple(f"{second:02}" for second in range(60)))


def _by_category(lines: Iterable[list[str]]) -> Texts:
    return np.array(list(lines), dtype=np.object_)


def _walk(tags: tuple[str, ...], start: int, stride: int) -> str:
    # Most lists are full; the walks of the first stride are shorter, down to the fewest.
    spread = _USUAL_TAGS - _FEWEST_TAGS + 1
    count = _USUAL_TAGS - start % spread if stride == _STRIDES[0] else _USUAL_TAGS
    return ",".join(tags[(start + stride * step) % len(tags)] for step in range(count))
