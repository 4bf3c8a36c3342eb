"""What differs between a workspace and what it should be."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Gap:
    """One difference, and how it is closed.

    Attributes:
        subject: What it is about, such as "service credential pinterest-streams".
        problem: What is missing or different.
        fix: What closes it, in words.
        repair: Closes it; None where only a person can.
    """

    subject: str
    problem: str
    fix: str
    repair: Callable[[], None] | None = field(default=None, compare=False, repr=False)
