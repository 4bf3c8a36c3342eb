"""A stand-in for a SQL warehouse: it executes no SQL.

It evaluates `secret(...)` in the two shapes of statement that it knows, and fails every other.
"""

import re
from collections.abc import Mapping

from databricks.sdk.service import catalog, sql

Tables = dict[str, tuple[catalog.TableInfo, list[tuple[str, ...]]]]
"""The tables and their rows."""


def executed(
    statement: str, values: Mapping[str, str], scopes: Mapping[str, Mapping[str, str]], tables: Tables
) -> sql.StatementResponse:
    """Return the result of a statement."""
    name = values["table"].replace("`", "")

    def secrets(pattern: str) -> list[tuple[str, str]]:
        found = re.findall(pattern, statement)
        return [(column, scopes[values[scope]][values[key]]) for scope, key, column in found]

    if re.match(r"CREATE OR REPLACE TABLE IDENTIFIER\(:table\)\nUSING DELTA\n", statement):
        written = secrets(r"secret\(:(\w+), :(\w+)\) AS `([^`]+)`")
        if "'delta.columnMapping.mode' = 'name'" not in statement:
            return _ended(sql.StatementState.FAILED, "DELTA_INVALID_CHARACTERS_IN_COLUMN_NAMES")
        columns = [catalog.ColumnInfo(name=column) for column, _ in written]
        info = catalog.TableInfo(full_name=name, columns=columns, table_type=catalog.TableType.MANAGED)
        tables[name] = (info, [tuple(value for _, value in written)])
        return _ended(sql.StatementState.SUCCEEDED)
    if re.match(r"SELECT\n  COUNT\(\*\) AS pairs,\n  COUNT_IF", statement):
        info, rows = tables[name]
        names = [column.name for column in info.columns or []]
        found = re.findall(r"IDENTIFIER\(:(\w+)\) = secret\(:(\w+), :(\w+)\)", statement)
        wanted = {values[column].strip("`"): scopes[values[scope]][values[key]] for column, scope, key in found}
        same = sum(wanted.items() <= dict(zip(names, row, strict=True)).items() for row in rows)
        return _ended(sql.StatementState.SUCCEEDED, rows=[[str(len(rows)), str(same)]])
    return _ended(sql.StatementState.FAILED, "PARSE_SYNTAX_ERROR")


def _ended(state: sql.StatementState, message: str = "", rows: list[list[str]] | None = None) -> sql.StatementResponse:
    error = sql.ServiceError(message=message) if message else None
    return sql.StatementResponse(result=sql.ResultData(data_array=rows), status=sql.StatementStatus(error, state=state))
