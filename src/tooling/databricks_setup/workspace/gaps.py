"""Differences between a workspace and its wanted state."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gap:
    """One difference, and its fix.

    Attributes:
        subject: The object, such as "service credential pinterest-streams".
        problem: What is missing or different.
        fix: Its fix, in words.
        repair: Applies the fix; None if only the user can.
    """

    subject: str
    problem: str
    fix: str
    repair: Callable[[], None] | None = field(default=None, compare=False, repr=False)
