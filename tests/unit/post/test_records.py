import json
import math
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pinterest_pipeline.entities import PIN
from pinterest_pipeline.post.api.topic_routes import TopicRoute
from pinterest_pipeline.post.records import Record, json_text
from pinterest_pipeline.post.source.opening import open_source
from tests.support.posting import database, row

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(JSON)
def test_what_json_can_say_survives(value: object) -> None:
    text = json_text(value)

    assert text.isascii()
    assert "\n" not in text
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (math.nan, "nan"),
        ([math.inf, {"a": -math.inf}, 1.5], ["inf", {"a": "-inf"}, 1.5]),
        (Decimal("40.5"), 40.5),
        (Decimal(40), 40),
        (Decimal("NaN"), "NaN"),
        (Decimal("1e400"), "1E+400"),
        (date.fromisoformat("2018-08-24"), "2018-08-24 00:00:00"),
        (datetime.fromisoformat("2018-08-24T07:56:22"), "2018-08-24 07:56:22"),
        (datetime.fromisoformat("2018-08-24T09:56:22.5+02:00"), "2018-08-24 07:56:22.500000"),
        (datetime(2018, 8, 24, tzinfo=UTC), "2018-08-24 00:00:00"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (2**70, 2**70),
    ],
)
def test_what_json_cannot_say_becomes_the_nearest_it_can(value: object, expected: object) -> None:
    assert json.loads(json_text({"a": value})) == {"a": expected}


TEXT = st.text(st.characters(exclude_categories=["Cs"]))  # a database stores no half of a surrogate pair
PIN_TEXTS = st.fixed_dictionaries({column.name: TEXT for column in PIN.source if column.length})


@settings(max_examples=30)
@given(texts=PIN_TEXTS)
def test_any_text_in_any_column_survives_from_the_database_to_the_request(
    tmp_path_factory: pytest.TempPathFactory, texts: dict[str, str]
) -> None:
    url = database(tmp_path_factory.mktemp("texts"), pin=[row(PIN, 1, **texts)])

    (page,) = open_source(url, {}).pages(PIN, None, 10)
    (record,) = json.loads(TopicRoute("abc123.pin").body(page.records))["records"]

    assert {name: record["value"][name] for name in texts} == texts


@given(st.text())
def test_any_text_at_all_survives_in_a_request(text: str) -> None:
    (record,) = json.loads(TopicRoute("abc123.pin").body([Record(1, json_text({"title": text}), 1)]))["records"]

    assert record["value"]["title"] == text
