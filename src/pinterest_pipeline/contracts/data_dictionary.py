"""The data dictionary: every table, column and rule, as Markdown, generated from the declaration."""

from collections.abc import Iterable

from pinterest_pipeline.entities import ENTITIES, CleanColumn, Entity, Form, Kind, Names, SourceColumn
from pinterest_pipeline.lake.tables import LINEAGE, QUARANTINE, RAW, RUNS, Lake

_INTRODUCTION = """\
# Data dictionary

Generated from the declaration by `uv run python scripts/data_dictionary.py`; a test checks that it is current.

Rules that hold for every column of a clean table:

- White space around a text is removed, including non-breaking spaces.
- Empty text, the texts under *no value* and JSON's null become NULL.
- A timestamp without a zone is UTC.
- A record with a wrong value is rejected: it goes to quarantine with every reason. A missing value is no reason,
  except for the key.
- Undeclared fields are kept in `_extra`.
- The newest record of a key replaces the older ones."""

_ESCAPED_BAR = r"\|"
_LAKE = Lake("catalog", "schema")
_NAMES = Names("prefix")


def data_dictionary() -> str:
    """Return the whole dictionary, ending with a newline."""
    sections = [_INTRODUCTION, *(_entity(entity) for entity in ENTITIES), _shared_tables()]
    return "\n\n".join(sections) + "\n"


def _entity(entity: Entity) -> str:
    return "\n\n".join(
        [
            f"## {entity.name}\n\n{entity.about} Key: `{entity.key}`, in the clean table `{entity.clean[0].name}`.",
            _table(
                ("where", "name"),
                [
                    ("source table", _code(entity.source_table)),
                    ("Kafka topic", _code(_NAMES.topic(entity))),
                    ("Kinesis stream", _code(_NAMES.stream(entity))),
                    ("raw table", _lake_name(_LAKE.raw(entity))),
                    ("clean table", _lake_name(_LAKE.clean(entity))),
                    ("quarantine", _lake_name(_LAKE.quarantine(entity))),
                ],
            ),
            f"### Source columns of {entity.name}",
            _table(
                ("column", "description", "values", "no value", "optional"),
                [_source_row(column) for column in entity.source],
            ),
            f"### Clean columns of {entity.name}",
            _table(("column", "type", "source", "description"), [_clean_row(column) for column in entity.clean]),
            f"### Why a record of {entity.name} is rejected",
            "\n".join(f"- {reason}" for reason in _rejections(entity)),
        ]
    )


def _source_row(column: SourceColumn) -> tuple[str, ...]:
    missing = ", ".join(map(_code, column.missing))
    return _code(column.name), column.about, _values(column), missing, "" if column.required else "yes"


def _values(column: SourceColumn) -> str:
    parts = [str(column.kind)]
    if column.length:
        parts.append(f"up to {column.length:,} characters")
    if limits := _limits(column):
        parts.append(limits)
    if column.prefix:
        parts.append(f"prefix {_code(column.prefix)} removed")
    return ", ".join(parts)


def _limits(column: SourceColumn) -> str:
    if column.allowed:
        return "one of " + ", ".join(map(_code, column.allowed))
    bounds = [("at least", column.minimum), ("at most", column.maximum)]
    return " and ".join(f"{words} {bound:,}" for words, bound in bounds if bound is not None)


def _clean_row(column: CleanColumn) -> tuple[str, ...]:
    sources = ", ".join(map(_code, column.sources))
    made_from = sources if column.form is Form.SAME else f"{sources}: {column.form}"
    return _code(column.name), _code(column.type), made_from, column.about


def _rejections(entity: Entity) -> list[str]:
    """Return the rules for a record, in the order of its columns."""
    needed = [_code(column.name) for column in entity.source if column.required]
    return [
        "It is not one JSON object, or a field occurs more than once.",
        f"Its key `{entity.key}` has no value.",
        f"It lacks a field, even one without a value: {', '.join(needed)}.",
        "A text is an object or an array.",
        *(rule for column in entity.source if (rule := _rule(column))),
    ]


def _rule(column: SourceColumn) -> str:
    rules = [] if column.kind is Kind.TEXT else [str(column.kind)]
    if limits := _limits(column):
        rules.append(limits)
    return f"{_code(column.name)} is not {', '.join(rules)}." if rules else ""


def _shared_tables() -> str:
    tables = {
        "Every clean table, after the declared columns": LINEAGE,
        "Every raw table": RAW,
        "Every quarantine table": QUARANTINE,
        f"The table of runs, {_lake_name(_LAKE.runs)}": RUNS,
    }
    return "## Columns common to all entities\n\n" + "\n\n".join(
        f"### {title}\n\n"
        + _table(("column", "type", "description"), [(_code(c.name), _code(c.type), c.about) for c in columns])
        for title, columns in tables.items()
    )


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', _ESCAPED_BAR) for cell in line)} |" for line in lines)


def _code(text: str) -> str:
    return f"`{text}`"


def _lake_name(quoted: str) -> str:
    return _code(quoted.replace("`", ""))
