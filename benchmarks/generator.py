"""How fast rows are generated, also as a ratio to a plain loop that copies the same tuples."""

import argparse
from time import perf_counter

from rich.console import Console
from rich.table import Table

from benchmarks.measure import Measure
from pinterest_pipeline.console import run_script
from pinterest_pipeline.entities import ENTITIES, Entity
from tooling.demo.sample_data.generator import Row, generate

_SEED = 1


def _generate(entity: Entity, rows: int) -> tuple[list[list[Row]], float]:
    """Generate the rows; return them and the seconds it took."""
    start = perf_counter()
    chunks = list(generate(entity, rows, _SEED))
    return chunks, perf_counter() - start


def _copy(chunks: list[list[Row]]) -> float:
    """Copy each tuple; return the seconds it took."""
    start = perf_counter()
    copies = [[(*row,) for row in chunk] for chunk in chunks]
    seconds = perf_counter() - start
    del copies
    return seconds


def measure(rows: int) -> Measure:
    """Generate rows of every table and compare with copying the same tuples.

    Args:
        rows: Rows of each table.
    """
    generated = copied = 0.0
    for entity in ENTITIES:
        chunks, seconds = _generate(entity, rows)
        generated, copied = generated + seconds, copied + _copy(chunks)
    total = len(ENTITIES) * rows
    return Measure(
        f"generate {total:,} rows",
        f"{total / generated:,.0f} rows/s",
        f"copy the same tuples: {total / copied:,.0f} rows/s",
        f"{generated / copied:.1f} times as long",
    )


def main() -> None:
    """Measure each table and all of them together."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="rows per table (default: %(default)s)")
    rows = parser.parse_args().rows
    table = Table("table", "rows/s", "times the copy's time", title=f"generating {rows:,} rows a table")
    total = total_copy = 0.0
    for entity in ENTITIES:
        chunks, seconds = _generate(entity, rows)
        copy = _copy(chunks)
        table.add_row(entity.name, f"{rows / seconds:,.0f}", f"{seconds / copy:.1f}")
        total, total_copy = total + seconds, total_copy + copy
    table.add_row("all", f"{len(ENTITIES) * rows / total:,.0f}", f"{total / total_copy:.1f}")
    Console().print(table)


if __name__ == "__main__":
    run_script(main)
