"""Validates records: a record's text becomes a clean row or every reason for its rejection; built-in functions only.

The record is parsed once, into a map of texts, which accepts any JSON object and keeps undeclared fields. Every field
is then read by the rule of its kind, so that one invalid field does not hide another.
"""

import re
from collections.abc import Callable, Iterator
from functools import reduce

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import CleanColumn, Entity, Form, Kind, Rule, SourceColumn
from pinterest_pipeline.lake.tables import QUARANTINE

_Step = dict[str, Column]

REJECTIONS = "rejections"
EXTRA = "_extra"

_FIELDS = "_fields"
_PARSED = "_parsed"
_IS_AS_DECLARED = "_is_as_declared"
_VERDICT = "_verdict"
_WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$"
_COUNT = r"^\d{1,12}(\.\d{1,9})?\s?[kKmM]?$"
_TIMESTAMP = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$"
_ZONE = r"(Z|[+-]\d\d:\d\d)$"
_OBJECT_AND_GUARD = 2  # elements of the array that a record is parsed in
_REJECTIONS_TYPE = next(column.type for column in QUARANTINE if column.name == REJECTIONS)
_SHOWN = 80  # characters of an invalid value quoted in a reason


def parsed_record(payload: Column) -> Column:
    """Parse a record's text as a JSON object followed by a guard.

    A JSON parser stops at the end of the first value, so trailing text would pass unnoticed. The record is therefore
    parsed as the first of two elements of an array: trailing text breaks the array, unless it ends the array.

    Args:
        payload: The record's text.

    Returns:
        An array of two maps, the record and the guard; NULL or of another size if the text is not one JSON object.
    """
    return sf.from_json(
        sf.concat(sf.lit("["), payload, sf.lit(",{}]")),
        "ARRAY<MAP<STRING, STRING>>",
        {"mode": "PERMISSIVE", "allowSingleQuotes": "false", "allowNonNumericNumbers": "false"},
    )


def record_fields(parsed: Column) -> Column:
    """Return a map from each field's name to its value as text; NULL if the record is not one JSON object."""
    return sf.when(sf.size(parsed) == _OBJECT_AND_GUARD, sf.element_at(parsed, 1))


def _needs_no_trim(value: Column) -> Column:
    """Return whether a field's text begins and ends with a visible ASCII character."""
    # Bytes instead of characters: to find the last character, all are counted.
    last = sf.substring(value.cast("BINARY"), -1, 1)
    return value.between("!", "~") & last.between(sf.lit(b"!"), sf.lit(b"~"))


def trimmed_text(value: Column, column: SourceColumn) -> Column:
    """Return a field's text without the white space around it and without its prefix.

    Args:
        value: The field's text.
        column: Its declaration.
    """
    # Most texts need none, and trimming a set of characters takes long (docs/decisions/0004).
    trimmed = sf.when(_needs_no_trim(value), value).otherwise(sf.btrim(value, sf.lit(_WHITE_SPACE)))
    if column.prefix:
        white = f"[{_WHITE_SPACE}]"
        trimmed = sf.regexp_replace(trimmed, f"^(?:{re.escape(column.prefix.strip())}(?:{white}+|$))+", "")
    return trimmed


def present_text(trimmed: Column, column: SourceColumn) -> Column:
    """Return a trimmed text; NULL if it is missing: empty, or one of the column's markers."""
    return sf.when(~trimmed.isin("", *column.missing), trimmed)


def integer(text: Column) -> Column:
    """Return the text as an integer (BIGINT), else NULL; 36.0 is one, as pandas writes it."""
    number = real_number(text)
    return sf.when(number == sf.floor(number), number.try_cast("BIGINT"))


def flag(text: Column) -> Column:
    """Return `true` and `1` as 1, `false` and `0` as 0 (BIGINT); NULL for any other text."""
    number = sf.when(text == "true", 1).when(text == "false", 0).otherwise(integer(text))
    return sf.when(number.isin(0, 1), number)


def real_number(text: Column) -> Column:
    """Return the text as a DOUBLE; NULL if it is not a decimal number in JSON's syntax."""
    return sf.when(text.rlike(_NUMBER), text.try_cast("DOUBLE"))


def count(text: Column) -> Column:
    """Return `766`, `217k` or `1.2M` as an integer (BIGINT), halves rounded up; NULL for any other text."""
    unit = sf.lower(sf.right(text, sf.lit(1)))
    digits = sf.regexp_replace(text, r"\s?[kKmM]$", "").try_cast("DECIMAL(21, 9)")
    scale = sf.when(unit == "k", 1_000).when(unit == "m", 1_000_000).otherwise(1)
    return sf.when(text.rlike(_COUNT), sf.round(digits * scale).cast("BIGINT"))


def timestamp(text: Column) -> Column:
    """Return the text as a TIMESTAMP, else NULL; without a zone it is UTC, regardless of the session's time zone."""
    zoned = sf.when(text.rlike(_ZONE), text).otherwise(sf.concat(text, sf.lit("Z")))
    return sf.when(text.rlike(_TIMESTAMP), zoned.try_cast("TIMESTAMP"))


_READERS: dict[Kind, Callable[[Column], Column]] = {
    Kind.INTEGER: integer,
    Kind.FLAG: flag,
    Kind.REAL: real_number,
    Kind.TEXT: lambda text: text,
    Kind.COUNT: count,
    Kind.TIMESTAMP: timestamp,
}


def judge(records: DataFrame, entity: Entity) -> DataFrame:
    """Validate every record: its clean row, undeclared fields and the reasons for its rejection.

    Args:
        records: Rows with a `payload`.
        entity: The records' entity.

    Returns:
        The same rows with the entity's clean columns, `_extra` (NULL without undeclared fields) and `rejections`: an
        array of structs of rule, column and text, empty if the row is clean.
    """
    if entity not in _STEPS:
        _STEPS[entity] = tuple(_steps(entity))
    judged = reduce(DataFrame.withColumns, _STEPS[entity], records)
    # One row from each row, by a generator: the optimizer would push a filter on the reasons down through plain
    # projections, and so parse every record again for each field in the filter. Expressions inside a generator are
    # interpreted, so it only expands what the step before it has computed.
    return judged.select(*records.columns, sf.inline(sf.array(_VERDICT)))


class _KeptHere(dict[Entity, tuple[_Step, ...]]):
    """The steps of each entity, of which building takes longer than most batches; kept in this process.

    A function that Spark Connect sends to a server by value takes an empty one along: columns cannot be sent.
    """

    def __reduce__(self) -> tuple[type["_KeptHere"], tuple[()]]:
        """Return how to make an empty one."""
        return _KeptHere, ()


_STEPS = _KeptHere()


def _steps(entity: Entity) -> Iterator[_Step]:
    """Return the columns to add one step after another, since an expression is computed once only as a column."""
    source, payload = entity.source, sf.col("payload")
    yield {_PARSED: parsed_record(payload)}
    fields = record_fields(sf.col(_PARSED))
    yield {_FIELDS: fields, _IS_AS_DECLARED: _is_as_declared(fields, entity)}
    found = {c: _field(at, c.name) for at, c in enumerate(source, 1)}
    yield {_trimmed(c.name): trimmed_text(text, c) for c, text in found.items()}
    yield {_text(c.name): present_text(sf.col(_trimmed(c.name)), c) for c in source}
    yield {_value(c.name): _READERS[c.kind](sf.col(_text(c.name))) for c in source}
    yield {_rejected(c.name): _rejection(c, is_key=c.name == entity.key) for c in source}
    verdict = sf.struct(
        *(_clean(column).alias(column.name) for column in entity.clean),
        _extra(entity).alias(EXTRA),
        _rejections(entity).alias(REJECTIONS),
    )
    yield {_VERDICT: verdict}


def _trimmed(name: str) -> str:
    return f"_trimmed_{name}"


def _text(name: str) -> str:
    return f"_text_{name}"


def _value(name: str) -> str:
    return f"_value_{name}"


def _rejected(name: str) -> str:
    return f"_rejected_{name}"


def _field(at: int, name: str) -> Column:
    """Return a field's text: by its place where all fields are as declared, since a search compares all names."""
    values = sf.map_values(sf.col(_FIELDS))
    return sf.when(sf.col(_IS_AS_DECLARED), sf.element_at(values, at)).otherwise(sf.element_at(sf.col(_FIELDS), name))


def _clean(column: CleanColumn) -> Column:
    values = [sf.col(_value(name)) for name in column.sources]
    match column.form:
        case Form.SAME:
            return values[0].try_cast(column.type)
        case Form.PAIR:
            return sf.when(values[0].isNotNull() & values[1].isNotNull(), sf.array(*values))
        case Form.JOINED:
            joined = sf.concat_ws(" ", *values)
            return sf.when(joined != "", joined)


def _extra(entity: Entity) -> Column:
    known = [column.name for column in entity.source]
    unknown = sf.map_filter(sf.col(_FIELDS), lambda name, _: ~name.isin(known))
    return sf.when(~sf.col(_IS_AS_DECLARED) & (sf.size(unknown) > 0), unknown)


def _is_as_declared(fields: Column, entity: Entity) -> Column:
    """Return whether a record has exactly the declared fields in order, as nearly all have: one fast comparison."""
    return sf.map_keys(fields) == sf.array(*(sf.lit(column.name) for column in entity.source))


def _rejections(entity: Entity) -> Column:
    names = sf.map_keys(sf.col(_FIELDS))
    repeated = sf.when(
        ~sf.col(_IS_AS_DECLARED) & (sf.size(sf.array_distinct(names)) < sf.size(names)),
        _broken(Rule.REPEATED_FIELD, "payload", sf.lit("a field is there more than once")),
    )
    fields = [sf.col(_rejected(column.name)) for column in entity.source]
    found = sf.array_compact(sf.array(repeated, *fields))
    # Nearly all records are clean, and removing NULLs from an array is interpreted: it takes long.
    is_clean = sf.col(_IS_AS_DECLARED) & sf.coalesce(*fields).isNull()
    return (
        sf.when(
            sf.col(_FIELDS).isNull(),
            sf.array(_got(Rule.NOT_ONE_OBJECT, "payload", "one JSON object", sf.col("payload"))),
        )
        .when(is_clean, sf.array().cast(_REJECTIONS_TYPE))
        .otherwise(found)
    )


def _rejection(column: SourceColumn, *, is_key: bool) -> Column:
    """Return the field's rejection; NULL if it is valid."""
    name, text, value = column.name, sf.col(_text(column.name)), sf.col(_value(column.name))
    raw = sf.element_at(sf.col(_FIELDS), name)
    unread = value.isNull() | _is_nested(name, text) if column.kind is Kind.TEXT else value.isNull()
    wrong = sf.when(unread, _got(Rule.WRONG_KIND, name, column.kind, raw))
    limits = _limits(column)
    if limits is not None:
        rule, expected, inside = limits
        wrong = wrong.when(~inside, _got(rule, name, expected, raw))
    rejection = sf.when(text.isNotNull(), wrong)
    if is_key:
        rejection = rejection.otherwise(_broken(Rule.MISSING_KEY, name, sf.lit("the key is missing")))
    elif column.required:
        absent = ~sf.map_contains_key(sf.col(_FIELDS), name)
        rejection = rejection.when(absent, _broken(Rule.MISSING_FIELD, name, sf.lit("the field is missing")))
    return rejection


def _limits(column: SourceColumn) -> tuple[Rule, str, Column] | None:
    value = sf.col(_value(column.name))
    if column.allowed:
        return Rule.NOT_ALLOWED, "one of " + ", ".join(column.allowed), value.isin(*column.allowed)
    if column.minimum is not None and column.maximum is not None:
        return Rule.OUT_OF_RANGE, f"{column.minimum} to {column.maximum}", value.between(column.minimum, column.maximum)
    return None


def _is_nested(name: str, text: Column) -> Column:
    """Return whether a field is an object or array, not a text like one; only such texts are parsed a second time."""

    def reads_as(kind: str) -> Column:
        record = sf.from_json(sf.col("payload"), f"`{name}` {kind}")
        return record.getField(name).isNotNull()

    return sf.when(text.startswith("{"), reads_as("MAP<STRING, STRING>")).when(
        text.startswith("["), reads_as("ARRAY<STRING>")
    )


def _broken(rule: Rule, name: str, message: Column) -> Column:
    text = sf.concat(sf.lit(f"{name}: "), message)
    return sf.struct(sf.lit(rule).alias("rule"), sf.lit(name).alias("column"), text.alias("text"))


def _got(rule: Rule, name: str, expected: str, raw: Column) -> Column:
    shown = sf.when(sf.length(raw) > _SHOWN, sf.concat(sf.left(raw, sf.lit(_SHOWN)), sf.lit("…"))).otherwise(raw)
    return _broken(rule, name, sf.concat(sf.lit(f"expected {expected}, got "), sf.coalesce(shown, sf.lit("nothing"))))
