"""When a batch will be finished, from how fast it went of late. A guess, and shown as one."""

from __future__ import annotations

import time
from collections import deque

# Seconds that the pace is taken over: long enough for slow tests, short enough to notice a farm that grew or shrank.
_WINDOW = 120.0
# Seconds and tests before a guess is worth showing.
_WARM_UP, _FEWEST = 3.0, 3


class Pace:
    """Tests done over the last two minutes."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def seconds_left(self, done: int, total: int) -> float | None:
        """Seconds until all are done at the present pace; None: too early to tell, or nothing moves."""
        now = time.monotonic()
        self._seen.append((now, done))
        while now - self._seen[0][0] > _WINDOW:
            self._seen.popleft()
        began, before = self._seen[0]
        if done - before < _FEWEST or now - began < _WARM_UP:
            return None
        return (total - done) * (now - began) / (done - before)
