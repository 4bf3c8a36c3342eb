"""Escapes paths for Spark, which reads them as glob patterns."""

import re

_SIGNS = re.compile(r"[\\\[\]{}*?]")


def literal_path(path: str) -> str:
    """Return the pattern that matches only this path, for Spark's own readers."""
    return _SIGNS.sub(r"\\\g<0>", path)


def is_pattern(path: str) -> bool:
    """Return whether the path contains glob characters; for readers that cannot be given an escaped one."""
    return bool(_SIGNS.search(path))
