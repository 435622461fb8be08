"""Failure rates over time, by component type: differences of the circuits' counters. Kept in memory, half an hour."""

from __future__ import annotations

from collections import deque

from jobs.dashboard.reading import Reading
from jobs.dashboard.told import Kind, Sample

# Seconds that a rate is taken over: short enough to see trouble begin, long enough not to jump with each test.
WINDOW = 30.0
# Seconds between two kept samples, and how many of them are kept.
SPACING, KEPT = 5.0, 360


class Samples:
    """The samples of one process."""

    def __init__(self) -> None:
        self._kept: deque[Sample] = deque(maxlen=KEPT)
        self._counts: deque[tuple[float, dict[Kind, tuple[int, int]]]] = deque()
        self.latest = Sample(at=0.0, health=100.0, rates={})

    @property
    def kept(self) -> tuple[Sample, ...]:
        """Samples for a chart, oldest first, the latest one included."""
        return (*self._kept, self.latest) if self._kept and self._kept[-1] != self.latest else tuple(self._kept)

    def take(self, reading: Reading) -> None:
        """Take a sample."""
        counts = reading.calls()
        self._counts.append((reading.at, counts))
        while len(self._counts) > 2 and self._counts[1][0] <= reading.at - WINDOW:
            self._counts.popleft()
        _, before = self._counts[0]
        health = [circuit.health for circuit in reading.circuits.values()]
        self.latest = Sample(
            at=round(reading.at, 1),
            health=round(sum(health) / len(health), 1) if health else 100.0,
            rates={kind: _rate(before[kind], counts[kind]) for kind in counts},
        )
        if not self._kept or self.latest.at >= self._kept[-1].at + SPACING:
            self._kept.append(self.latest)


def _rate(before: tuple[int, int], now: tuple[int, int]) -> float | None:
    calls, failures = now[0] - before[0], now[1] - before[1]
    # A circuit that was forgotten takes its counts along: nothing can be told then.
    return round(min(1.0, failures / calls), 4) if calls > 0 and failures >= 0 else None
