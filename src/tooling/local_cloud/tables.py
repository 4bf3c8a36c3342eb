"""Reads tables on this machine with another engine than the one that wrote them (docs/decisions/0028).

Spark counts its own rows with the code that wrote them. This engine shares none with it, and takes milliseconds.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder


class Tables:
    """The tables of a schema in their folders, as they are when this is made."""

    def __init__(self, schema: Path) -> None:
        """Register every table of the schema by the name of its folder.

        Args:
            schema: The folder that holds the folders of the tables.
        """
        self._engine = QueryBuilder()
        for log in sorted(schema.glob("*/_delta_log")):
            self._engine.register(log.parent.name, DeltaTable(log.parent))

    def rows(self, query: str) -> list[dict[str, Any]]:
        """Return the rows of a query, by their columns' names; times are in UTC.

        Args:
            query: In SQL as PostgreSQL speaks it, with tables named by `bare`.
        """
        return pa.table(self._engine.execute(query)).to_pylist()


def bare(table: str) -> str:
    """Return how a table is named in these queries: without catalog and schema.

    Args:
        table: Its full name, as `Lake` returns it.
    """
    name = table.rsplit(".", 1)[-1].strip("`")
    return f'"{name}"'
