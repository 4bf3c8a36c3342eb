"""Validates Quartz cron expressions strictly; no maintained library on PyPI does.

By the format's reference, org.quartz.CronExpression: second minute hour day-of-month month day-of-week [year],
where exactly one of the two day fields is `?`.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")


@dataclass(frozen=True)
class Field:
    """One field: its bounds, the names of its numbers, and its special forms."""

    name: str
    least: int
    most: int
    names: Sequence[str] = ()
    special: str = r"(?!)"

    def number(self, text: str) -> int | None:
        """Return the value of a number or a name, or None where it is neither or out of bounds."""
        if text.upper() in self.names:
            return self.names.index(text.upper()) + self.least
        inside = text.isdecimal() and text.isascii() and self.least <= int(text) <= self.most
        return int(text) if inside else None

    def accepts(self, text: str) -> bool:
        """Return whether the text is one of the field's special forms or a list of values, ranges and steps."""
        if re.fullmatch(self.special, text, re.IGNORECASE):
            return True
        return all(self._accepts_part(part) for part in text.split(","))

    def _accepts_part(self, part: str) -> bool:
        values, slash, step = part.partition("/")
        if slash and not (step.isdecimal() and step.isascii() and 1 <= int(step) <= self.most):
            return False
        first, dash, last = values.partition("-")
        if values == "*":
            return True
        return self.number(first) is not None and (not dash or self.number(last) is not None)


_DAY = r"([1-9]|[12]\d|3[01])"
FIELDS = (
    Field("second", 0, 59),
    Field("minute", 0, 59),
    Field("hour", 0, 23),
    Field("day of month", 1, 31, special=rf"\?|L(-([1-9]|[12]\d|30))?W?|{_DAY}W"),
    Field("month", 1, 12, MONTHS),
    Field("day of week", 1, 7, DAYS, special=rf"\?|L|([1-7]|{'|'.join(DAYS)})(L|#[1-5])"),
    Field("year", 1970, 2099),
)


def quartz_faults(expression: str) -> list[str]:
    """Return the faults of a Quartz cron expression; empty for a valid one."""
    texts = expression.split()
    if len(texts) not in {6, 7}:
        return [f"expected 6 or 7 fields in {expression!r}, found {len(texts)}"]
    pairs = [(field, text) for field, text in zip_longest(FIELDS, texts) if text is not None]
    faults = [f"{text!r} is no {field.name}" for field, text in pairs if not field.accepts(text)]
    if (texts[3] == "?") == (texts[5] == "?"):
        faults.append("exactly one of day of month and day of week must be ?")
    return faults
