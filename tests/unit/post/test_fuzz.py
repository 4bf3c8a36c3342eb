"""Rows of a database and lines of a folder, of anything at all: each is posted as it is, or a dead letter."""

import json
import os
import sqlite3
import string
from collections import Counter
from contextlib import closing, suppress
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from pinterest_pipeline.entities import GEO, Kind
from pinterest_pipeline.errors import SourceError
from pinterest_pipeline.post.api.client import Pace
from pinterest_pipeline.post.batch import post_batch
from pinterest_pipeline.post.source.opening import open_source
from tests.support.fake_api import FakeApi
from tests.support.posting import NAMES, database, execute, folder_of, post_settings

# The same examples each time, and few of them. FUZZ_EXAMPLES asks for so many new ones: 1000 take about a minute.
EXAMPLES = int(os.environ.get("FUZZ_EXAMPLES", "0"))
FUZZ = settings(
    max_examples=EXAMPLES or 25,
    derandomize=not EXAMPLES,
    database=None,
    suppress_health_check=[*HealthCheck],
    phases=[Phase.explicit, Phase.generate, *([Phase.shrink] if EXAMPLES else [])],
)
PACE = Pace(records_per_request=3, tries=2, first_wait=0.001, longest_wait=0.002)

NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
VALUES = st.none() | NUMBERS | TEXTS | st.binary(max_size=9)
ROWS = st.dictionaries(st.integers(-(2**63), 2**63 - 1), st.tuples(VALUES, VALUES, VALUES, VALUES), max_size=7)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
_OBJECTS = st.dictionaries(st.sampled_from([column.name for column in GEO.source]) | st.text(max_size=3), _JSON)
_NUMBERS = st.from_regex(r"-?[0-9]{1,25}(\.[0-9]{1,25})?([eE]-?[0-9]{1,4})?", fullmatch=True)
LINES = st.one_of(
    _OBJECTS.map(lambda value: json.dumps(value).encode()),
    _OBJECTS.map(lambda value: json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass")),
    st.tuples(_NUMBERS, _NUMBERS).map(lambda pair: f'{{"ind":{pair[0]},"latitude":{pair[1]},"ind":1}}'.encode()),
    _NUMBERS.map(lambda number: f'{{"ind":1,"latitude":{number}}}'.encode()),
    st.text(string.printable).map(str.encode),
    st.binary(),
).map(lambda line: line.replace(b"\n", b" "))


@pytest.fixture(autouse=True)
def no_waits_for_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def empty(tmp_path: Path) -> bytes:
    """A source database whose columns of geo take values of any type."""
    execute(
        database(tmp_path),
        "DROP TABLE geolocation_data",
        "CREATE TABLE geolocation_data (ind INTEGER PRIMARY KEY, timestamp, latitude, longitude, country)",
    )
    return (tmp_path / "source.db").read_bytes()


@FUZZ
@given(rows=ROWS)
def test_every_row_of_a_database_is_posted_by_its_kinds_or_a_dead_letter(
    api: FakeApi, empty: bytes, rows: dict[int, tuple[object, ...]]
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "source.db").write_bytes(empty)
        with closing(sqlite3.connect(folder / "source.db")) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.executemany(
                "INSERT INTO geolocation_data VALUES (?, ?, ?, ?, ?)", [(key, *row) for key, row in rows.items()]
            )
            connection.commit()
        api.taken.clear()

        _, tally, _ = post_batch(open_source(f"sqlite:///{folder / 'source.db'}", {}), post_settings(api, folder, PACE))

        letters = dead_letters(folder)
        posted = {key: value for _, key, value in api.taken}
        assert (tally.posted, tally.dead, len(posted)) == (len(rows) - len(letters), len(letters), tally.posted)
        for key, row in rows.items():
            if key in posted:
                value = posted[key]
                assert all(
                    same(found, value[column.name], column.kind)
                    for found, column in zip(row, GEO.source[1:], strict=True)
                )
            else:
                assert any(isinstance(found, bytes) for found in row)


def same(found: object, posted: object, kind: Kind) -> bool:
    """Tell whether what was posted is what was found, written as its kind is."""
    if isinstance(found, bytes):
        found = found.decode()
    if found is None or posted is None or type(found) is type(posted) is str:
        return found == posted or (kind is Kind.TIMESTAMP and found == f"{posted}.000000")
    # A number may have become a text of it, or a text the number it says.
    return float(str(found)) == float(str(posted))


@FUZZ
@given(lines=st.lists(LINES, max_size=7), end=st.binary(max_size=5).filter(lambda end: b"\n" not in end))
def test_every_line_of_a_folder_is_posted_as_it_is_or_a_dead_letter(
    api: FakeApi, lines: list[bytes], end: bytes
) -> None:
    with TemporaryDirectory() as name:
        folder = folder_of(Path(name))
        (folder / "geo.jsonl").write_bytes(b"".join(line + b"\n" for line in lines) + end)
        rows = [line for line in lines if line.strip()]
        api.taken.clear()
        source = None
        with suppress(SourceError):
            source = open_source(str(folder))
        if source is None:
            assert not any(is_text(line) and 3 * line.count(0) <= len(line) for line in rows)
            return

        _, tally, _ = post_batch(source, post_settings(api, folder, PACE))

        letters = dead_letters(folder)
        assert (tally.rows, tally.posted + tally.dead) == (len(rows), len(rows))
        assert Counter(letter["value"].encode("utf-8", "surrogateescape") for letter in letters) == Counter(
            line.rstrip(b"\r").removeprefix(b"\xef\xbb\xbf") for line in rows if not is_text(line)
        )
        for line, value in zip(filter(is_text, rows), api.values(NAMES.topic(GEO)), strict=True):
            text = line.decode().removeprefix("\ufeff").rstrip("\r")
            assert value == text or says(value, json.loads(text, parse_float=Decimal))
        assert bool(source.left()) == bool(end.strip())


def is_text(line: bytes) -> bool:
    with suppress(UnicodeDecodeError):
        return bool(line.decode()) or True
    return False


def says(posted: object, found: object) -> bool:
    """Tell whether posted JSON says what the line did; a number that no double is may be a text of its digits."""
    match found:
        case dict():
            return (
                isinstance(posted, dict)
                and list(posted) == list(found)
                and all(map(says, posted.values(), found.values()))
            )
        case list():
            return isinstance(posted, list) and len(posted) == len(found) and all(map(says, posted, found))
        case Decimal():
            return Decimal(str(posted)) == found
        case _:
            return posted == found and type(posted) is type(found)


def dead_letters(folder: Path) -> list[dict[str, str]]:
    with suppress(FileNotFoundError):
        return [json.loads(line) for line in (folder / "dead-letters.jsonl").read_text().splitlines()]
    return []
