"""What this package raises. The caller's own exceptions pass through a guard unchanged."""

from __future__ import annotations

import math
from collections.abc import Mapping

from redis.exceptions import RedisError


class BreakerError(Exception):
    """The root: catch it to catch all of the below."""


class CircuitOpenError(BreakerError):
    """A call was not let through. It is raised often and fast: what it tells is worked out when asked for."""

    def __init__(self, waits: Mapping[str, float]) -> None:
        self.waits = waits
        """Every circuit in the way, with the seconds until it makes sense to ask it again."""

    @property
    def name(self) -> str:
        """The circuit in the way; of several, the one that stays there longest."""
        return max(self.waits, key=self.waits.__getitem__)

    @property
    def retry_after(self) -> float:
        """Seconds until it makes sense to ask again; ``math.inf`` for a circuit that was forced open."""
        return max(self.waits.values())

    @property
    def names(self) -> tuple[str, ...]:
        """Every circuit in the way."""
        return tuple(self.waits)

    def __str__(self) -> str:
        return ", ".join(
            f"circuit {name!r} is open" + ("" if math.isinf(wait) else f" for another {wait:.3g} s")
            for name, wait in self.waits.items()
        )


class StoreUnavailable(BreakerError, RedisError):
    """Redis didn't answer, or answered with an error, so nothing is known of a circuit's state."""


class InvalidSettings(BreakerError, ValueError):
    """Settings, a name or another argument that can't be; the message names the value and what is allowed."""
