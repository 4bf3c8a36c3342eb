"""Paths on their way to Spark, which reads them as patterns: a path that a person names is a path."""

import re

_SIGNS = re.compile(r"[\\\[\]{}*?]")


def literal_path(path: str) -> str:
    """Return the pattern that only this path fits, for Spark's own readers."""
    return _SIGNS.sub(r"\\\g<0>", path)


def is_pattern(path: str) -> bool:
    """Return whether a reader that cannot be told otherwise takes the path for a pattern."""
    return bool(_SIGNS.search(path))
