"""A registry on a clock that the test moves. It isn't part of the package: no argument, key or variable of a production
process leads here. The scripts are the same but for ``clock()``, which the production text defines by TIME alone.
"""

from __future__ import annotations

import time

import redis

from breakers import CircuitBreakerRegistry
from breakers.scripts import Scripts

STEERED_CLOCK = """
local function clock()
  return tonumber(redis.call('GET', KEYS[1] .. ':steered-clock'))
end
"""


class SteeredRegistry(CircuitBreakerRegistry):
    """Judges by the steered clock, and always asks: this process's notes would go by real time."""

    _scripts = Scripts(STEERED_CLOCK)
    _note_seconds = 0.0


class SteeredClock:
    """The clock of one prefix's steered registries. Starts ahead of Redis's, by which keys still expire."""

    def __init__(self, client: redis.Redis, prefix: str) -> None:
        self._client = client
        self._key = f"{{{prefix}:circuits}}:events:steered-clock"
        self.now = float(int(time.time()) + 1000)
        self.advance(0.0)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
        self._client.set(self._key, repr(self.now))
