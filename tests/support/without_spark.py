"""A plugin of `make fast`: an import of pyspark fails, so that no fast test comes to need it."""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec


class NoSpark:
    """Finds no pyspark."""

    @staticmethod
    def find_spec(name: str, _path: Sequence[str] | None = None, _target: object = None) -> ModuleSpec | None:
        """Refuse pyspark, and leave every other module to the finders that follow."""
        if name == "pyspark":
            raise ImportError("tests that need pyspark are in tests/spark; tests/unit and tests/bundle run without it")
        return None


sys.meta_path.insert(0, NoSpark)
