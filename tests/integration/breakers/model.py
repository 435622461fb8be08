"""What a circuit is meant to do, written down once more without Redis, for the histories to compare with.

As plain as can be: time is a number handed in, a window is a list, nothing is packed, cached or shared.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from breakers import CircuitSettings, CircuitState

CLOSED, OPEN, HALF_OPEN = CircuitState.CLOSED, CircuitState.OPEN, CircuitState.HALF_OPEN
FORCED_OPEN, DISABLED = CircuitState.FORCED_OPEN, CircuitState.DISABLED


@dataclass
class Outcome:
    """One entry of the window."""

    at: float
    failed: bool
    slow: bool


@dataclass
class ModelCircuit:
    """One circuit."""

    settings: CircuitSettings
    since: float
    state: CircuitState = CLOSED
    generation: int = 1
    open_until: float = 0.0
    in_a_row: int = 0
    opens_in_a_row: int = 0
    probe_successes: int = 0
    window: list[Outcome] = field(default_factory=list)
    permits: dict[int, float] = field(default_factory=dict)
    permits_issued: int = 0
    successes: int = 0
    failures: int = 0
    rejected: int = 0
    stale: int = 0
    opens: int = 0

    def look(self, now: float) -> float:
        """Let time pass; seconds that a caller has to wait (0: come in)."""
        if self.state is OPEN and now >= self.open_until:
            self.move(HALF_OPEN, now)
        if self.state is OPEN:
            return self.open_until - now
        if self.state is FORCED_OPEN:
            return math.inf
        if self.state is HALF_OPEN:
            self.permits = {permit: ends for permit, ends in self.permits.items() if ends > now}
            if len(self.permits) >= self.settings.half_open_max_calls:
                return min(min(self.permits.values()) - now, 1.0)
        return 0.0

    def take(self, now: float) -> tuple[int, int | None]:
        """A permit: the generation and, while probing, a number with a lease."""
        if self.state is not HALF_OPEN:
            return self.generation, None
        self.permits_issued += 1
        self.permits[self.permits_issued] = now + self.settings.probe_seconds
        return self.generation, self.permits_issued

    def renew(self, now: float, held: tuple[int, int | None]) -> bool:
        """A longer lease for a permit; whether it is held at all."""
        generation, permit = held
        if permit is None:
            return True
        if generation != self.generation or self.permits.get(permit, -math.inf) <= now:
            return False
        self.permits[permit] = now + self.settings.probe_seconds
        return True

    def record(self, now: float, outcome: str, took: float | None, held: tuple[int, int | None] | None) -> None:
        """How a call ended; ``held`` is what ``take`` gave, None for an outcome seen from outside."""
        if self.state is OPEN:
            self.look(now)
        if held is not None:
            generation, permit = held
            current = generation == self.generation
            if current and permit is not None:
                current = self.permits.pop(permit, -math.inf) > now
            if not current:
                self.stale += outcome != "release"
                return
        if outcome != "release":
            self.count(now, failed=outcome == "failure", took=took)

    def count(self, now: float, *, failed: bool, took: float | None) -> None:
        """An outcome that means something."""
        settings = self.settings
        slow = settings.slow_call_seconds is not None and took is not None and took >= settings.slow_call_seconds
        self.window = [*self.window, Outcome(now, failed, slow)][-settings.metrics_window_size :]
        self.drop_old(now)
        self.failures += failed
        self.successes += not failed
        self.in_a_row = self.in_a_row + 1 if failed else 0
        if self.state is CLOSED and self.in_trouble():
            self.open(now)
        elif self.state is HALF_OPEN:
            if failed or (slow and settings.slow_call_rate_threshold is not None):
                self.open(now)
            else:
                self.probe_successes += 1
                if self.probe_successes >= settings.success_threshold:
                    self.move(CLOSED, now)

    def drop_old(self, now: float) -> None:
        """Outcomes beyond the window's age mean nothing."""
        if self.settings.window_seconds is not None:
            self.window = [entry for entry in self.window if entry.at >= now - self.settings.window_seconds]

    def in_trouble(self) -> bool:
        """Whether a CLOSED circuit has to open."""
        settings, samples = self.settings, len(self.window)
        if settings.failure_threshold is not None and self.in_a_row >= settings.failure_threshold:
            return True
        if samples < settings.min_samples_for_stats:
            return False
        failed, slow = sum(entry.failed for entry in self.window), sum(entry.slow for entry in self.window)
        too_many = settings.failure_rate_threshold
        too_slow = settings.slow_call_rate_threshold
        return (too_many is not None and failed / samples >= too_many) or (
            too_slow is not None and slow / samples >= too_slow
        )

    def open(self, now: float) -> None:
        """Open, the longer the more often in a row."""
        settings = self.settings
        if self.state is CLOSED and now - self.since >= settings.calm_seconds:
            self.opens_in_a_row = 0
        longer = settings.recovery_timeout * settings.recovery_timeout_factor**self.opens_in_a_row
        self.open_until = now + min(longer, max(settings.recovery_timeout, settings.recovery_timeout_max))
        self.opens_in_a_row += 1
        self.move(OPEN, now)

    def force(self, state: CircuitState, now: float) -> None:
        """An operator's word."""
        self.opens_in_a_row = 0
        self.move(state, now)

    def move(self, state: CircuitState, now: float) -> None:
        """Another state: what was held or seen before means nothing any more."""
        self.state, self.since = state, now
        self.generation += 1
        self.permits = {}
        self.opens += state in (OPEN, FORCED_OPEN)
        if state is HALF_OPEN:
            self.probe_successes = 0
        elif state in (CLOSED, DISABLED):
            self.window, self.in_a_row = [], 0


def record_failure(
    models: dict[str, ModelCircuit],
    now: float,
    took: float | None,
    held: dict[str, tuple[int, int | None]],
    suspect: str,
) -> None:
    """A failed call of several circuits, one of which is suspect: who explains it, counts it."""
    first = models[suspect]
    first.look(now)
    others_probe = any(permit is not None for name, (_, permit) in held.items() if name != suspect)
    first.record(now, "release" if first.state is CLOSED and others_probe else "failure", took, held[suspect])
    explained = first.state in (OPEN, HALF_OPEN, FORCED_OPEN)
    for name, permit in held.items():
        if name != suspect:
            models[name].record(now, "release" if explained else "failure", took, permit)
