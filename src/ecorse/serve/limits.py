"""How often a key may ask.

What belongs here: counting. What does not: who asks.
"""

from __future__ import annotations

import math
import time
from collections import OrderedDict
from collections.abc import Callable

MOST_KEYS = 10_000  # remembered; the one that asked longest ago is forgotten first


class RateLimit:
    """A bucket per key: ``per_second`` tokens come in, at most ``burst`` are in it; a request
    takes one.

    Source: the token bucket of RFC 2697, https://www.rfc-editor.org/rfc/rfc2697
    """

    def __init__(
        self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate, self._burst, self._clock = per_second, burst, clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """Take a token: 0, or so many whole seconds until there is one."""
        now = self._clock()
        left, since = self._left.pop(key, (float(self._burst), now))
        left = min(self._burst, left + (now - since) * self._rate)
        is_open = left >= 1
        self._left[key] = (left - 1 if is_open else left, now)
        if len(self._left) > MOST_KEYS:
            self._left.popitem(last=False)
        return 0 if is_open else max(1, math.ceil((1 - left) / self._rate))
