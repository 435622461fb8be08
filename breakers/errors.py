"""What this package raises. The caller's own exceptions pass through a guard unchanged."""

from __future__ import annotations

from collections.abc import Mapping

from redis.exceptions import RedisError


class BreakerError(Exception):
    """The root: catch it to catch all of the below."""


class CircuitOpenError(BreakerError):
    """A call was not let through.

    Attributes:
        name: the circuit in the way; of several, the one that stays in the way longest.
        retry_after: seconds until it makes sense to ask again; ``math.inf`` for a circuit forced open.
        waits: every circuit in the way, with its own seconds.
    """

    def __init__(self, waits: Mapping[str, float]) -> None:
        super().__init__(waits)
        self.waits = dict(waits)
        self.name = max(self.waits, key=self.waits.__getitem__)
        self.retry_after = self.waits[self.name]

    @property
    def names(self) -> tuple[str, ...]:
        """Every circuit in the way."""
        return tuple(self.waits)

    def __str__(self) -> str:
        return ", ".join(
            f"circuit {name!r} is open" + ("" if wait == float("inf") else f" for another {wait:.3g} s")
            for name, wait in self.waits.items()
        )


class StoreUnavailable(BreakerError, RedisError):
    """Redis didn't answer, or answered with an error, so nothing is known of a circuit's state."""


class InvalidSettings(BreakerError, ValueError):
    """Settings, a circuit's name or a prefix that can't be; the message names the value and what is allowed."""
