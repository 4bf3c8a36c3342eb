"""The wheel's entry points: the tasks of the bundle's jobs.

Each reads its arguments before it loads anything that needs Spark: the wheel answers `--help`, and refuses wrong
arguments, wherever it is installed.
"""

from collections.abc import Callable, Sequence
from functools import partial
from importlib import import_module

from pinterest_pipeline.arguments import Arguments, read


def _run(task: str, arguments: Sequence[str] | None = None) -> None:
    given = read(task, arguments)
    try:
        run: Callable[[Arguments], None] = getattr(import_module("pinterest_pipeline.jobs"), task)
    except ModuleNotFoundError as error:
        if error.name not in ("pyspark", "pyarrow"):
            raise
        raise SystemExit(f"{task} needs Spark, and {error.name} is not installed: run it on Databricks") from error
    run(given)


tables = partial(_run, "tables")
ingest = partial(_run, "ingest")
refine = partial(_run, "refine")
stream = partial(_run, "stream")
publish = partial(_run, "publish")
replay = partial(_run, "replay")
backfill = partial(_run, "backfill")
days = partial(_run, "days")
erase = partial(_run, "erase")
upkeep = partial(_run, "upkeep")
