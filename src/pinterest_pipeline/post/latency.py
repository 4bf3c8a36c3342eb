"""A histogram of latencies in a fixed number of buckets, for percentiles."""

import math

_SHORTEST, _LONGEST, _GROWTH = 1e-4, 1e3, 1.05
_LAST = math.ceil(math.log(_LONGEST / _SHORTEST, _GROWTH))


class Latencies:
    """Counts latencies in buckets that grow by 5%, from 0.1 milliseconds to a thousand seconds."""

    def __init__(self) -> None:
        """Create an empty histogram."""
        self._counts = [0] * (_LAST + 1)

    def add(self, seconds: float) -> None:
        """Add one latency."""
        step = math.ceil(math.log(max(seconds, _SHORTEST) / _SHORTEST, _GROWTH))
        self._counts[min(step, _LAST)] += 1

    def percentile(self, share: float) -> float:
        """Return a percentile in seconds, at most 5% too high; 0 without latencies."""
        rank = share * sum(self._counts)
        seen = 0
        for step, count in enumerate(self._counts):
            seen += count
            if count and seen >= rank:
                return _SHORTEST * _GROWTH**step
        return 0.0
