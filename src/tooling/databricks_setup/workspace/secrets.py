"""The keys of the legacy mount: values of the bundle's secret scope, and optionally a Delta table.

The table is written from the scope by SQL's function `secret`, so no key is in a statement, in its parameters or in the
query history, which others can read.
"""

import base64
import math
import re
from collections.abc import Iterator

from databricks.sdk import WorkspaceClient
from databricks.sdk.errors import BadRequest, NotFound, PermissionDenied
from databricks.sdk.service.catalog import TableType
from databricks.sdk.service.sql import StatementParameterListItem, StatementResponse, StatementState

from pinterest_pipeline.ingest.legacy_mount.aws_keys import KEY_COLUMNS, SCOPE_NAMES
from tooling.databricks_setup.errors import WorkspaceError
from tooling.databricks_setup.workspace.client import workspace_says
from tooling.databricks_setup.workspace.gaps import Gap
from tooling.databricks_setup.workspace.wanted import LegacyKeys, Wanted
from tooling.polling import attempts

_COLUMNS = tuple(f"`{column}`" for column in KEY_COLUMNS)
WRITE = f"""\
CREATE OR REPLACE TABLE IDENTIFIER(:table)
USING DELTA
TBLPROPERTIES ('delta.columnMapping.mode' = 'name')
COMMENT 'AWS keys of the legacy mount; written by scripts/set_up_workspace.py'
AS SELECT secret(:scope, :id) AS {_COLUMNS[0]}, secret(:scope, :secret) AS {_COLUMNS[1]}"""
"""Column mapping: without it Delta allows no space in a column's name."""

COMPARE = """\
SELECT
  COUNT(*) AS pairs,
  COUNT_IF(
    IDENTIFIER(:id_column) = secret(:scope, :id)
    AND IDENTIFIER(:secret_column) = secret(:scope, :secret)
  ) AS same
FROM IDENTIFIER(:table)"""
"""Returns two numbers, and no key."""

_UNDER_WAY = (StatementState.PENDING, StatementState.RUNNING)
_POLL_SECONDS = 2.0


def secret_gaps(workspace: WorkspaceClient, wanted: Wanted) -> Iterator[Gap]:
    """Compare the values of the scope, and the table where one is wanted, with the keys.

    Args:
        workspace: The workspace.
        wanted: The wanted state.
    """
    keys, scope = wanted.keys, wanted.values.prefix
    if keys is None:
        return
    with workspace_says("list the secret scopes"):
        found = {each.name for each in workspace.secrets.list_scopes()}
    if scope not in found:
        yield Gap(
            f"secret scope {scope}",
            "missing",
            f"deploy the bundle, which makes it in staging and prod: make deploy TARGET={wanted.target}; "
            f"dev has none of its own: databricks secrets create-scope {scope}",
        )
        return
    pair = (keys.pair.access_key_id, keys.pair.secret_access_key)
    differing = [
        _value_gap(workspace, scope, name, value, keys)
        for name, value in zip(SCOPE_NAMES, pair, strict=True)
        if _read(workspace, scope, name) != value
    ]
    yield from differing
    if keys.table:
        yield from _table_gap(workspace, wanted, keys.table, certain=bool(differing))


def _read(workspace: WorkspaceClient, scope: str, name: str) -> str | None:
    """Return a value; None if it is missing or unreadable: it must be written in both cases."""
    with workspace_says(f"read the secret {scope}/{name}"):
        try:
            value = workspace.secrets.get_secret(scope, name).value
        except (NotFound, PermissionDenied, BadRequest):
            return None
    return base64.b64decode(value or "").decode(errors="replace")


def _value_gap(workspace: WorkspaceClient, scope: str, name: str, value: str, keys: LegacyKeys) -> Gap:
    def repair() -> None:
        try:
            with workspace_says(f"store the secret {scope}/{name}"):
                workspace.secrets.put_secret(scope, name, string_value=value)
        except WorkspaceError as error:
            # The SDK's message may repeat the request; the original is not chained either.
            raise WorkspaceError(keys.pair.redacted(str(error))) from None

    return Gap(f"secret {scope}/{name}", "missing, different or unreadable", "store the value", repair)


def _table_gap(workspace: WorkspaceClient, wanted: Wanted, table: str, *, certain: bool) -> Iterator[Gap]:
    with workspace_says(f"read the table {table}"):
        try:
            found = workspace.tables.get(table)
        except NotFound:
            found = None
    columns = [] if found is None else [column.name for column in found.columns or []]
    if found and (found.table_type is TableType.VIEW or not set(KEY_COLUMNS) <= set(columns)):
        yield Gap(
            f"table {table}",
            f"another object has the name; its owner is {found.owner}",
            "choose another name as --keys-table",
        )
        return

    def repair() -> None:
        _run(workspace, wanted, WRITE, f"write the table {table}")

    if found and not certain:
        pairs_and_same = _run(workspace, wanted, COMPARE, f"compare the table {table}")
        if pairs_and_same == ["1", "1"]:
            return
    problem = "it does not hold these keys" if found else "missing"
    yield Gap(f"table {table}", problem, "write it from the secret scope", repair)


def _run(workspace: WorkspaceClient, wanted: Wanted, statement: str, doing: str) -> list[str]:
    """Run a statement and wait for its end; return its first row."""
    table = wanted.keys.table if wanted.keys else ""
    given = {
        "table": ".".join(f"`{part}`" for part in table.split(".")),
        "scope": wanted.values.prefix,
        **dict(zip(("id", "secret"), SCOPE_NAMES, strict=True)),
        **dict(zip(("id_column", "secret_column"), _COLUMNS, strict=True)),
    }
    parameters = [
        StatementParameterListItem(name, value=value)
        for name, value in given.items()
        if re.search(rf":{name}\b", statement)
    ]
    with workspace_says(doing):
        response: StatementResponse = workspace.statement_execution.execute_statement(
            statement, wanted.values.warehouse_id, parameters=parameters, wait_timeout="50s"
        )
        for _ in attempts(math.inf, _POLL_SECONDS):
            if response.status is None or response.status.state not in _UNDER_WAY:
                break
            response = workspace.statement_execution.get_statement(response.statement_id or "")
    status = response.status
    if status is None or status.state is not StatementState.SUCCEEDED:
        why = status.error.message if status and status.error else (status and status.state)
        raise WorkspaceError(f"cannot {doing}: {why}; see the warehouse's query history")
    rows = (response.result.data_array if response.result else None) or [[]]
    return rows[0]
