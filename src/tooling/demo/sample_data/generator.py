"""Generated rows for the three source tables, with the shape and the errors of real ones.

Rows are generated in chunks of one size, each from the seed and its own number only. So the same seed gives the same
rows, the first rows are the same for any number of rows, and memory does not grow with the number of rows. The three
tables agree row by row: same key, same person.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from pinterest_pipeline.entities import GEO, PIN, USER, Entity
from pinterest_pipeline.errors import SettingsError
from tooling.demo.sample_data import pools
from tooling.demo.sample_data.pools import Texts
from tooling.demo.sample_data.words import COUNTRIES, FIRST_NAMES, LAST_NAMES, SUBJECTS

Value = int | float | str | None
Row = tuple[Value, ...]
"""One row of a table, its columns in the order of the declaration, timestamps as text."""

_Numbers = NDArray[np.int64]
_Columns = dict[str, NDArray[np.generic]]
_T = TypeVar("_T", bound=np.generic)

_POSTS_EACH = (1,) * 33 + (2, 2, 2, 2, 2, 3, 5, 9)
"""Posts of each person of a block: 60 rows by 41 people, as 2,180 rows by 1,490 people are."""
_BLOCK_PEOPLE, _BLOCK_ROWS = len(_POSTS_EACH), sum(_POSTS_EACH)
_BLOCKS = 136
_CHUNK_PEOPLE, _CHUNK_ROWS = _BLOCKS * _BLOCK_PEOPLE, _BLOCKS * _BLOCK_ROWS
_TWINS, _STARS = 2, 3
"""The first people have one post each: the twins share name and country, the stars have the most followers."""

_KEY_STEP = 5
MAX_ROWS = (2**31 - 1) // _KEY_STEP
"""The most rows for which a key has 32 bits."""

_FIRST_POST, _LAST_POST = date(2017, 10, 20), date(2022, 10, 18)
_FIRST_JOINED, _LAST_JOINED = date(2015, 10, 21), date(2017, 10, 18)
_YOUNGEST, _OLDEST = 20, 60

# Shares of all rows. Broken rows are a part of those without an image, and those a part of the stories.
_BROKEN, _NO_IMAGE, _STORY, _STORY_OR_VIDEO = 0.008, 0.025, 0.07, 0.10
_NO_TAGS = 0.016
_NO_DESCRIPTION, _HARD_SPACE = 0.015, 0.36
_NO_POSTER, _POSTER_WITH_SPACES = 0.01, 0.017
_CONTROL_CHARACTER = 0.002
_CONTROL_CHARACTERS = ("\t", "\x0b", "\x1f")

_UUID = "########-####-4###-a###-############"
_IMAGE_URL = "https://images.example.com/originals/##/##/##/################################.jpg"

_UNITS = ("", "k", "M")
_UNIT_LIMITS = (1000, 1000, 10)
_UNIT_SHARES = (0.182, 0.742, 0.076)
_TENTHS = ("", ".1", ".2", ".3", ".4", ".5", ".6", ".7", ".8", ".9")
_DECIMALS, _DECIMALS_BELOW = 0.2, 10
_MAX_FOLLOWERS = "12M"


def generate(entity: Entity, rows: int, seed: int) -> Iterator[list[Row]]:
    """Make rows of one table.

    Args:
        entity: Which table.
        rows: How many rows.
        seed: Any whole number from 0; the same seed gives the same rows.

    Returns:
        The rows in ascending order of the key, some thousands a list.

    Raises:
        SettingsError: The number of rows or the seed is out of range.
    """
    if not 0 <= rows <= MAX_ROWS:
        raise SettingsError(f"the number of rows must be from 0 to {MAX_ROWS:,}; got {rows:,}")
    if seed < 0:
        raise SettingsError(f"the seed must be 0 or more; got {seed}")
    return _chunks(entity, rows, seed)


def _chunks(entity: Entity, rows: int, seed: int) -> Iterator[list[Row]]:
    for number in range(math.ceil(rows / _CHUNK_ROWS)):
        columns = _TABLES[entity.name](_Chunk(seed, number))
        made = zip(*(columns[column.name].tolist() for column in entity.source), strict=True)
        yield list(made)[: rows - number * _CHUNK_ROWS]


@dataclass(frozen=True)
class _Chunk:
    """What the tables of one chunk share: their random numbers and their people."""

    seed: int
    number: int

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the random numbers of one purpose; no other purpose changes them."""
        return np.random.default_rng([self.seed, self.number, int.from_bytes(purpose.encode())])

    def keys(self) -> _Numbers:
        """Return the rows' keys: unique and ascending, with gaps."""
        first = self.number * _CHUNK_ROWS * _KEY_STEP
        steps = np.arange(first, first + _CHUNK_ROWS * _KEY_STEP, _KEY_STEP)
        keys: _Numbers = steps + self.rng("key").integers(_KEY_STEP, size=_CHUNK_ROWS)
        return keys

    def pick(self, purpose: str, words: tuple[str, ...]) -> Texts:
        """Return a word for each of the chunk's people."""
        return pools.texts(words)[self.rng(purpose).integers(len(words), size=_CHUNK_PEOPLE)]

    def pick_for_twins(self, purpose: str, words: tuple[str, ...]) -> Texts:
        """Return a word for each of the chunk's people, the same one for the twins."""
        picked = self.pick(purpose, words)
        if self.number == 0:
            picked[:_TWINS] = picked[0]
        return picked


def _pin(chunk: _Chunk) -> _Columns:
    fate = _fates(chunk)
    broken, no_image, story = fate < _BROKEN, fate < _NO_IMAGE, fate < _STORY
    category = _categories(chunk)
    category_names = pools.texts(tuple(SUBJECTS))
    folders = pools.texts(tuple(f"{PIN.column('save_location').prefix}/data/{name}" for name in SUBJECTS))
    image, stories, video = PIN.column("is_image_or_video").allowed
    return {
        "index": chunk.keys(),
        "unique_id": _stamped(chunk.rng("id"), _UUID),
        "title": _without(_titles(chunk, category), broken, "title"),
        "description": _descriptions(chunk, category, story),
        "poster_name": _without(_poster_names(chunk), broken, "poster_name"),
        "follower_count": _without(_follower_counts(chunk), broken, "follower_count"),
        "tag_list": _tag_lists(chunk, category, broken),
        "is_image_or_video": np.where(story, stories, np.where(fate < _STORY_OR_VIDEO, video, image)),
        "image_src": _without(_stamped(chunk.rng("image"), _IMAGE_URL), no_image, "image_src"),
        "downloaded": np.where(no_image, 0, 1),
        "save_location": folders[category],
        "category": category_names[category],
    }


def _geo(chunk: _Chunk) -> _Columns:
    return {
        "ind": chunk.keys(),
        "timestamp": _moments(chunk.rng("timestamp"), _FIRST_POST, _LAST_POST, _CHUNK_ROWS),
        "latitude": _of_people(_degrees(chunk.rng("latitude"), 90)),
        "longitude": _of_people(_degrees(chunk.rng("longitude"), 180)),
        "country": _of_people(chunk.pick_for_twins("country", COUNTRIES)),
    }


def _user(chunk: _Chunk) -> _Columns:
    # Squared: most people are young.
    age = _YOUNGEST + (_OLDEST - _YOUNGEST + 1) * chunk.rng("age").random(_CHUNK_PEOPLE) ** 2
    joined = _moments(chunk.rng("date_joined"), _FIRST_JOINED, _LAST_JOINED, _CHUNK_PEOPLE)
    return {
        "ind": chunk.keys(),
        "first_name": _of_people(chunk.pick_for_twins("first_name", FIRST_NAMES)),
        "last_name": _of_people(chunk.pick_for_twins("last_name", LAST_NAMES)),
        "age": _of_people(age.astype(np.int64)),
        "date_joined": _of_people(joined),
    }


_TABLES: dict[str, Callable[[_Chunk], _Columns]] = {PIN.name: _pin, GEO.name: _geo, USER.name: _user}


def _fates(chunk: _Chunk) -> NDArray[np.float64]:
    """Return a number from 0 to 1 a row; the smaller, the more of the row is missing."""
    fate = chunk.rng("fate").random(_CHUNK_ROWS)
    if chunk.number == 0:
        fate[:_STARS] = 1.0
    return fate


def _categories(chunk: _Chunk) -> _Numbers:
    category = chunk.rng("category").integers(len(SUBJECTS), size=_CHUNK_ROWS)
    if chunk.number == 0:
        # The first two rows are of one country: with two categories, neither is its most popular one.
        category[1] = (category[0] + 1) % len(SUBJECTS)
    return category


def _titles(chunk: _Chunk, category: _Numbers) -> Texts:
    rng = chunk.rng("title")
    titles = _of_category(rng, pools.titles(), category)
    for row in np.flatnonzero(rng.random(_CHUNK_ROWS) < _CONTROL_CHARACTER):
        titles[row] = titles[row].replace(" ", _CONTROL_CHARACTERS[row % len(_CONTROL_CHARACTERS)], 1)
    return titles


def _descriptions(chunk: _Chunk, category: _Numbers, story: NDArray[np.bool_]) -> Texts:
    rng = chunk.rng("description")
    descriptions = _of_category(rng, pools.descriptions(), category)
    ending = rng.random(_CHUNK_ROWS) * (1 - _STORY)
    descriptions[ending < _NO_DESCRIPTION + _HARD_SPACE] += "\u00a0"
    of_story, of_others = PIN.column("description").missing
    descriptions[ending < _NO_DESCRIPTION] = of_others
    descriptions[story] = of_story
    return descriptions


def _poster_names(chunk: _Chunk) -> Texts:
    names = chunk.pick("poster's first name", FIRST_NAMES) + " " + chunk.pick("poster's name", LAST_NAMES)
    posters = _of_people(names + chunk.pick("poster", pools.poster_endings()))
    flaw = chunk.rng("poster's flaw").random(_CHUNK_ROWS)
    posters[flaw < _NO_POSTER + _POSTER_WITH_SPACES] += "  "
    posters[flaw < _NO_POSTER] = None
    return posters


def _follower_counts(chunk: _Chunk) -> Texts:
    rng = chunk.rng("follower_count")
    unit = rng.choice(len(_UNITS), p=_UNIT_SHARES, size=_CHUNK_PEOPLE)
    # Small accounts are more frequent: uniform over the orders of magnitude.
    amount = (np.array(_UNIT_LIMITS)[unit] ** rng.random(_CHUNK_PEOPLE)).astype(np.int64)
    tenths = rng.integers(1, len(_TENTHS), size=_CHUNK_PEOPLE)
    exact = (unit == 0) | (amount >= _DECIMALS_BELOW) | (rng.random(_CHUNK_PEOPLE) >= _DECIMALS)
    whole = pools.numbers(max(_UNIT_LIMITS))[amount]
    counts = whole + pools.texts(_TENTHS)[np.where(exact, 0, tenths)] + pools.texts(_UNITS)[unit]
    if chunk.number == 0:
        counts[:_STARS] = _MAX_FOLLOWERS
    return _of_people(counts)


def _tag_lists(chunk: _Chunk, category: _Numbers, broken: NDArray[np.bool_]) -> Texts:
    rng = chunk.rng("tag_list")
    tags = _of_category(rng, pools.tag_lists(), category)
    bare = rng.random(_CHUNK_ROWS) * (1 - _BROKEN) < _NO_TAGS - _BROKEN
    return _without(tags, broken | bare, "tag_list")


def _moments(rng: np.random.Generator, first: date, last: date, size: int) -> Texts:
    days = (last - first).days + 1
    second = rng.integers(60, size=size)
    minute = rng.integers(24 * 60, size=size)
    day = rng.integers(days, size=size)
    moments: Texts = pools.days(first, days)[day] + pools.minutes()[minute] + pools.seconds()[second]
    return moments


def _degrees(rng: np.random.Generator, limit: int) -> NDArray[np.float64]:
    return np.round(rng.uniform(-limit, limit, size=_CHUNK_PEOPLE), 4)


def _stamped(rng: np.random.Generator, template: str) -> Texts:
    """Return the template once a row, each # replaced by a random hexadecimal digit."""
    letters = np.frombuffer(template.encode(), dtype=np.uint8)
    holes = letters == ord("#")
    digits = rng.bytes(_CHUNK_ROWS * int(holes.sum()) // 2).hex().encode()
    stamped = np.tile(letters, (_CHUNK_ROWS, 1))
    stamped[:, holes] = np.frombuffer(digits, dtype=np.uint8).reshape(_CHUNK_ROWS, -1)
    rows: Texts = stamped.view(f"S{len(template)}").ravel().astype(str).astype(np.object_)
    return rows


def _without(texts: Texts, missing: NDArray[np.bool_], column: str) -> Texts:
    """Return the texts with the column's missing marker in some rows."""
    texts[missing] = PIN.column(column).missing[0]
    return texts


def _of_category(rng: np.random.Generator, pool: Texts, category: _Numbers) -> Texts:
    drawn: Texts = pool[category, rng.integers(pool.shape[1], size=len(category))]
    return drawn


def _of_people(column: NDArray[_T]) -> NDArray[_T]:
    """Return the people's column as the rows' column."""
    rows: NDArray[_T] = column[_people()]
    return rows


@cache
def _people() -> _Numbers:
    """Return whose row each row of a chunk is: the repeats of a person lie in one block, but not side by side."""
    posts = np.repeat(np.arange(_BLOCK_PEOPLE), _POSTS_EACH)
    rest = _BLOCK_ROWS - _STARS
    block = np.concatenate([posts[:_STARS], posts[_STARS + np.arange(rest) * 7 % rest]])
    people: _Numbers = np.add.outer(np.arange(_BLOCKS) * _BLOCK_PEOPLE, block).ravel()
    return people
