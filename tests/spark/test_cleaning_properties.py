"""What holds for every input: many rows to an example, since each example costs a Spark job."""

import json
from decimal import ROUND_HALF_UP, Decimal

from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from pyspark.sql import Row, SparkSession
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import ENTITIES, PIN, Entity, Kind
from pinterest_pipeline.refine.rules import count, present_text, trimmed_text
from tests.support.judged import WHITE_SPACE, judged, read, verdicts
from tests.support.landed import record

# A failing example is shown as it was found: each step of shrinking it would be a Spark job too.
thrifty = settings(max_examples=3, phases=[Phase.explicit, Phase.reuse, Phase.generate])

MARKERS = [marker for column in PIN.source for marker in column.missing]
PIECES = [
    *WHITE_SPACE,
    *MARKERS,
    "Local save in",
    "Local save in ",
    "{",
    "}",
    "[",
    "]",
    '"',
    "\\",
    "\\u0000",
    "'",
    "null",
]
PIECES += ["None", "NaN", '{"a":1}', "[1]", "$1", "k", "é", "e\u0301", "\0", "\x7f", "\u200b", "🪵", "\ufffd", "\uffff"]

dirty_text = st.lists(st.sampled_from(PIECES), max_size=6).map("".join)
any_text = st.one_of(st.text(max_size=12), dirty_text)
any_scalar = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), any_text)
any_value = st.recursive(any_scalar, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=4)


def free_text_columns(entity: Entity) -> list[str]:
    return [column.name for column in entity.source if column.kind is Kind.TEXT and not column.allowed]


@st.composite
def changed_records(draw: st.DrawFn) -> str:
    """Draw a good record of any entity in which one field has any value, or which is damaged in one place."""
    entity = draw(st.sampled_from(ENTITIES))
    field = draw(st.sampled_from([column.name for column in entity.source]))
    line = json.dumps(record(entity, **{field: draw(any_value)}))
    place = draw(st.integers(0, len(line)))
    return draw(st.sampled_from([line, line[:place], line[:place] + draw(any_text) + line[place:]]))


any_line = st.one_of(any_text, any_value.map(json.dumps), changed_records())


@thrifty
@given(st.lists(any_text, min_size=60, max_size=100))
def test_no_text_in_any_text_column_turns_a_good_row_away(spark: SparkSession, texts: list[str]) -> None:
    for entity in ENTITIES:
        columns = free_text_columns(entity)
        rows = verdicts(spark, entity, *(record(entity, **dict.fromkeys(columns, text)) for text in texts))
        assert [(text, row["reasons"]) for text, row in zip(texts, rows, strict=True) if row["reasons"]] == []


@thrifty
@given(st.lists(any_text, min_size=60, max_size=100))
def test_a_text_is_kept_but_for_white_space_around_it(spark: SparkSession, texts: list[str]) -> None:
    rows = verdicts(spark, PIN, *(record(PIN, unique_id=text) for text in texts))
    assert [row["unique_id"] for row in rows] == [text.strip(WHITE_SPACE) or None for text in texts]


@thrifty
@given(st.lists(any_text, min_size=60, max_size=100))
def test_a_clean_text_is_clean_already(spark: SparkSession, texts: list[str]) -> None:
    columns = [PIN.column(name) for name in free_text_columns(PIN)]
    once = [present_text(trimmed_text(sf.col("text"), column), column) for column in columns]
    twice = [present_text(trimmed_text(text, column), column) for text, column in zip(once, columns, strict=True)]
    rows: list[Row] = read(spark, sf.struct(sf.array(*once).alias("once"), sf.array(*twice).alias("twice")), *texts)
    assert [(text, row) for text, row in zip(texts, rows, strict=True) if row["once"] != row["twice"]] == []


@thrifty
@given(
    st.lists(
        st.tuples(
            st.from_regex(r"[0-9]{1,12}(\.[0-9]{1,9})?", fullmatch=True),
            st.sampled_from(["", " "]),
            st.sampled_from(["", "k", "K", "m", "M"]),
        ),
        min_size=100,
        max_size=200,
    )
)
def test_a_count_equals_exact_decimal_arithmetic(spark: SparkSession, counts: list[tuple[str, str, str]]) -> None:
    scales = {"": 1, "k": 1_000, "m": 1_000_000}
    exact = [(Decimal(number) * scales[unit.lower()]).quantize(Decimal(1), ROUND_HALF_UP) for number, _, unit in counts]
    assert read(spark, count(sf.col("text")), *map("".join, counts)) == exact


@thrifty
@given(st.lists(any_line, min_size=60, max_size=100))
def test_every_line_gets_a_verdict(spark: SparkSession, lines: list[str]) -> None:
    for entity in ENTITIES:
        rows = judged(spark, entity, lines)
        assert [row["payload"] for row in rows] == lines
        assert [row for row in rows if not has_verdict(row)] == []


def has_verdict(row: Row) -> bool:
    """Tell whether the row is clean with a key, or has reasons that all say something."""
    return all(row["reasons"]) if row["reasons"] else row["reasons"] == [] and row["ind"] is not None
