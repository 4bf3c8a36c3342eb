"""From a record's text to a clean row, or to every reason why it is none: built-in column functions only.

The record is parsed once, into a map of texts, which accepts any JSON object and keeps fields that nobody declared.
Every field is then read by the rule of its kind, so that one bad field does not hide another.
"""

import re
from collections.abc import Callable

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as sf

from pinterest_pipeline.entities import CleanColumn, Entity, Form, Kind, Rule, SourceColumn

REJECTIONS = "rejections"
EXTRA = "_extra"

_FIELDS = "_fields"
_PARSED = "_parsed"
_IS_PLAIN = "_is_plain"
_IS_AS_DECLARED = "_is_as_declared"
_VERDICT = "_verdict"
_WHITE_SPACE = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff" + "".join(
    map(chr, range(0x2000, 0x200B))
)
_NUMBER = r"^-?\d+(\.\d+)?([eE][+-]?\d{1,3})?$"
_COUNT = r"^\d{1,12}(\.\d{1,9})?\s?[kKmM]?$"
_MOMENT = r"^\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)?$"
_ZONE = r"(Z|[+-]\d\d:\d\d)$"
_OBJECT_AND_GUARD = 2  # elements of the array that a record is read in
_SHOWN = 80  # characters of a wrong value that a reason quotes


def parsed_record(payload: Column) -> Column:
    """Read a record's text as a JSON object with a guard behind it.

    A JSON parser stops at the end of the first value, so text behind it would pass unseen. The record is therefore
    read as the first of two elements of an array: what stands behind it breaks the array, unless it ends the array.

    Args:
        payload: The record's text.

    Returns:
        An array of two maps, the record and the guard; NULL or of another size where the text is not one JSON object.
    """
    return sf.from_json(
        sf.concat(sf.lit("["), payload, sf.lit(",{}]")),
        "ARRAY<MAP<STRING, STRING>>",
        {"mode": "PERMISSIVE", "allowSingleQuotes": "false", "allowNonNumericNumbers": "false"},
    )


def record_fields(parsed: Column) -> Column:
    """Return a map from each field's name to its value as text; NULL where the record is not one JSON object."""
    return sf.when(sf.size(parsed) == _OBJECT_AND_GUARD, sf.element_at(parsed, 1))


def _is_plain(payload: Column) -> Column:
    """Say whether a space is the only white space in a record's texts: it is ASCII, and escapes nothing."""
    return (sf.length(payload) == sf.octet_length(payload)) & ~payload.contains("\\")


def trimmed_text(value: Column, column: SourceColumn, is_plain: Column | None = None) -> Column:
    """Return a field's text without the white space around it and without its prefix.

    Args:
        value: The field's text.
        column: Its declaration.
        is_plain: Whether a space is the only white space that can be in it, where that is known.
    """
    trimmed = sf.btrim(value, sf.lit(_WHITE_SPACE))
    if is_plain is not None:
        # To trim a set of characters takes ten times as long as to trim spaces.
        trimmed = sf.when(is_plain, sf.trim(value)).otherwise(trimmed)
    if column.prefix:
        white = f"[{_WHITE_SPACE}]"
        trimmed = sf.regexp_replace(trimmed, f"^(?:{re.escape(column.prefix.strip())}(?:{white}+|$))+", "")
    return trimmed


def present_text(trimmed: Column, column: SourceColumn) -> Column:
    """Return a trimmed text, NULL where it is missing: empty, or one of the column's own markers."""
    return sf.when(~trimmed.isin("", *column.missing), trimmed)


def whole_number(text: Column) -> Column:
    """Return the text as a whole number (BIGINT), NULL where it is none; 36.0 is one, since pandas writes it so."""
    number = real_number(text)
    return sf.when(number == sf.floor(number), number.try_cast("BIGINT"))


def flag(text: Column) -> Column:
    """Return `true` and `1` as 1, `false` and `0` as 0 (BIGINT); NULL where the text is none of them."""
    number = sf.when(text == "true", 1).when(text == "false", 0).otherwise(whole_number(text))
    return sf.when(number.isin(0, 1), number)


def real_number(text: Column) -> Column:
    """Return the text as a DOUBLE, NULL where it is not a decimal number as JSON writes it."""
    return sf.when(text.rlike(_NUMBER), text.try_cast("DOUBLE"))


def count(text: Column) -> Column:
    """Return `766`, `217k` or `1.2M` as a whole number (BIGINT), halves rounded up; NULL where the text is none."""
    unit = sf.lower(sf.right(text, sf.lit(1)))
    digits = sf.regexp_replace(text, r"\s?[kKmM]$", "").try_cast("DECIMAL(21, 9)")
    scale = sf.when(unit == "k", 1_000).when(unit == "m", 1_000_000).otherwise(1)
    return sf.when(text.rlike(_COUNT), sf.round(digits * scale).cast("BIGINT"))


def moment(text: Column) -> Column:
    """Return the text as a TIMESTAMP, NULL where it is none; without a zone it is UTC, whatever the session's is."""
    zoned = sf.when(text.rlike(_ZONE), text).otherwise(sf.concat(text, sf.lit("Z")))
    return sf.when(text.rlike(_MOMENT), zoned.try_cast("TIMESTAMP"))


_READERS: dict[Kind, Callable[[Column], Column]] = {
    Kind.INTEGER: whole_number,
    Kind.FLAG: flag,
    Kind.REAL: real_number,
    Kind.TEXT: lambda text: text,
    Kind.COUNT: count,
    Kind.TIMESTAMP: moment,
}


def judge(records: DataFrame, entity: Entity) -> DataFrame:
    """Read every record: its clean row, the fields nobody declared and the reasons why it is not clean.

    Args:
        records: Rows with a `payload`.
        entity: What the records are.

    Returns:
        The same rows with the entity's clean columns, `_extra` (NULL where there is none) and `rejections`: an array of
        structs of rule, column and text, empty where the row is clean.
    """
    source = entity.source
    # A column a step: what two later expressions refer to is computed once only if it has a step of its own.
    parsed = records.withColumns({_PARSED: parsed_record(sf.col("payload")), _IS_PLAIN: _is_plain(sf.col("payload"))})
    fields = parsed.withColumn(_FIELDS, record_fields(sf.col(_PARSED)))
    named = fields.withColumn(_IS_AS_DECLARED, _is_as_declared(entity))
    trimmed = named.withColumns(
        {_trimmed(c.name): trimmed_text(sf.element_at(sf.col(_FIELDS), c.name), c, sf.col(_IS_PLAIN)) for c in source}
    )
    texts = trimmed.withColumns({_text(c.name): present_text(sf.col(_trimmed(c.name)), c) for c in source})
    values = texts.withColumns({_value(c.name): _READERS[c.kind](sf.col(_text(c.name))) for c in source})
    verdict = sf.struct(
        *(_clean(column).alias(column.name) for column in entity.clean),
        _extra(entity).alias(EXTRA),
        _rejections(entity).alias(REJECTIONS),
    )
    # One row from each row, by a generator: the optimizer would push a filter on the reasons down through plain
    # projections, and so parse every record again for each field that the filter looks at. What a generator computes
    # itself is interpreted, so it only spreads out what a step before it has computed.
    judged = values.withColumn(_VERDICT, verdict)
    return judged.select(*records.columns, sf.inline(sf.array(_VERDICT)))


def _trimmed(name: str) -> str:
    return f"_trimmed_{name}"


def _text(name: str) -> str:
    return f"_text_{name}"


def _value(name: str) -> str:
    return f"_value_{name}"


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


def _is_as_declared(entity: Entity) -> Column:
    """Say whether a record has just the declared fields in their order, as nearly all have: one quick comparison."""
    return sf.map_keys(sf.col(_FIELDS)) == sf.array(*(sf.lit(column.name) for column in entity.source))


def _rejections(entity: Entity) -> Column:
    names = sf.map_keys(sf.col(_FIELDS))
    repeated = sf.when(
        ~sf.col(_IS_AS_DECLARED) & (sf.size(sf.array_distinct(names)) < sf.size(names)),
        _broken(Rule.REPEATED_FIELD, "payload", sf.lit("a field is there more than once")),
    )
    fields = (_rejection(column, is_key=column.name == entity.key) for column in entity.source)
    return sf.when(
        sf.col(_FIELDS).isNull(),
        sf.array(_got(Rule.NOT_ONE_OBJECT, "payload", "one JSON object", sf.col("payload"))),
    ).otherwise(sf.array_compact(sf.array(repeated, *fields)))


def _rejection(column: SourceColumn, *, is_key: bool) -> Column:
    """Return what is wrong with the field, NULL where it is right."""
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
    """Tell an object or array from a text that only looks like one; only such texts cost a second parse."""

    def reads_as(kind: str) -> Column:
        record = sf.from_json(sf.col("payload"), f"`{name}` {kind}")
        return record.getField(name).isNotNull()

    return sf.when(text.startswith("{"), reads_as("MAP<STRING, STRING>")).when(
        text.startswith("["), reads_as("ARRAY<STRING>")
    )


def _broken(rule: Rule, name: str, said: Column) -> Column:
    text = sf.concat(sf.lit(f"{name}: "), said)
    return sf.struct(sf.lit(rule).alias("rule"), sf.lit(name).alias("column"), text.alias("text"))


def _got(rule: Rule, name: str, expected: str, raw: Column) -> Column:
    shown = sf.when(sf.length(raw) > _SHOWN, sf.concat(sf.left(raw, sf.lit(_SHOWN)), sf.lit("…"))).otherwise(raw)
    return _broken(rule, name, sf.concat(sf.lit(f"expected {expected}, got "), sf.coalesce(shown, sf.lit("nothing"))))
