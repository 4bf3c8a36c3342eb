"""Starts Spark's daemon of Python workers without archives on its path.

Before every task a worker calls `importlib.invalidate_caches`, which on Python 3.11 reads an archive's directory again
for every package that was imported. Spark puts its own jar first on the path, which costs processor time in every task
without use, since pyspark is installed.
"""

import runpy
import sys
from pathlib import Path

MODULE = __name__
"""The value of `spark.python.daemon.module`."""


def without_archives(path: list[str]) -> list[str]:
    """Return the entries of a path for imports that are folders."""
    return [entry for entry in path if not Path(entry).is_file()]


if __name__ == "__main__":
    sys.path[:] = without_archives(sys.path)
    sys.path_importer_cache.clear()
    runpy.run_module("pyspark.daemon", run_name="__main__", alter_sys=True)
