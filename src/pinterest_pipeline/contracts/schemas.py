"""The JSON schema of each entity's posted records, for services that validate them.

Draft 4, as API Gateway's request models require; later drafts read these schemas the same way.
"""

from pinterest_pipeline.entities import Entity, Kind, SourceColumn

Schema = dict[str, object]

_TYPES = {
    Kind.INTEGER: ("integer",),
    Kind.FLAG: ("integer", "boolean"),
    Kind.REAL: ("number",),
    Kind.TEXT: ("string",),
    Kind.COUNT: ("string",),
    Kind.TIMESTAMP: ("string",),
}


def json_schema(entity: Entity) -> Schema:
    """Return the schema of one record: an object with the source columns as its fields.

    Only the key must have a value; any other field may be null. Undeclared fields are allowed: the pipeline keeps
    them in `_extra`. The length of a text is a limit of the source table, not of a record.
    """
    return {
        "$schema": "http://json-schema.org/draft-04/schema#",
        "title": entity.name,
        "description": entity.about,
        "type": "object",
        "properties": {column.name: _field(column, is_key=column.name == entity.key) for column in entity.source},
        "required": [column.name for column in entity.source if column.required],
    }


def _field(column: SourceColumn, *, is_key: bool) -> Schema:
    types = _TYPES[column.kind]
    field: Schema = {"type": types[0] if is_key else [*types, "null"], "description": column.about}
    if column.allowed:
        field["enum"] = [*column.allowed, *column.missing, "", None]
    if column.kind is Kind.FLAG:
        field["enum"] = [0, 1, False, True, None]
    bounds = {"minimum": column.minimum, "maximum": column.maximum}
    return field | {name: bound for name, bound in bounds.items() if bound is not None}
