"""Percentiles of any number of measured times in a fixed number of counters."""

import math

_SHORTEST, _LONGEST, _GROWTH = 1e-4, 1e3, 1.05
_LAST = math.ceil(math.log(_LONGEST / _SHORTEST, _GROWTH))


class Latencies:
    """Counts times by size, in steps of 5% from a tenth of a millisecond to a thousand seconds."""

    def __init__(self) -> None:
        """Begin with no time measured."""
        self._counts = [0] * (_LAST + 1)

    def add(self, seconds: float) -> None:
        """Count one more time."""
        step = math.ceil(math.log(max(seconds, _SHORTEST) / _SHORTEST, _GROWTH))
        self._counts[min(step, _LAST)] += 1

    def percentile(self, share: float) -> float:
        """Return the seconds that this share of the times did not exceed, up to 5% too much; 0 before the first."""
        reach = share * sum(self._counts)
        seen = 0
        for step, count in enumerate(self._counts):
            seen += count
            if count and seen >= reach:
                return _SHORTEST * _GROWTH**step
        return 0.0
