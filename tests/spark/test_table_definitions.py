"""The tables as the bundle shows them are what the pipeline makes."""

from pathlib import Path

import pytest

from pinterest_pipeline.entities import ENTITIES
from pinterest_pipeline.lake.tables import TableDefinition, create_statements, definitions

SCRIPT = Path(__file__).parents[2] / "resources" / "tables.sql"
PERSONAL = {
    "payload",
    "reasons",
    "rejections",
    "_extra",
    *(c.name for e in ENTITIES for c in e.clean if c.name != "ind"),
}


def test_the_script_of_the_tables_is_current() -> None:
    assert SCRIPT.read_text("utf-8") == create_statements(), "run: uv run python scripts/table_definitions.py"


@pytest.mark.parametrize("table", [*definitions()], ids=lambda table: table.name)
def test_a_table_clusters_and_indexes_columns_that_it_has(table: TableDefinition) -> None:
    assert {*table.clustering, *table.indexed} <= {column.name for column in table.columns}
    assert {*table.clustering} <= {*table.indexed} or not table.indexed


@pytest.mark.parametrize("table", [*definitions()], ids=lambda table: table.name)
def test_the_log_of_a_table_holds_no_value_of_a_record(table: TableDefinition) -> None:
    kept = {*table.indexed} or {column.name for column in table.columns}
    assert kept & PERSONAL == set()
