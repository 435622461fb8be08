"""How well recoveries do, in numbers: what is observed of each, tallies of fixed size, rates with their intervals.

Pure, as all of this package: who keeps tallies where (Redis, a report) is not known here.
"""

from __future__ import annotations

import bisect
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from recovery.history import CIRCUIT_OPEN, AttemptRecord
from recovery.kinds import BrowserType, ModelType, RecoveryLevel

# Upper bounds, in seconds, of the buckets that times to recovery are counted in; the last one has none. Each is a
# quarter wider than the one before it, so a quantile read from them is right within an eighth.
BUCKETS = tuple(0.05 * 1.25**step for step in range(44))
# For an interval that holds the true rate in 95 of 100 cases.
_Z = 1.959964
# What stands for a browser where there was none.
SIMULATION = "simulation"
# Levels that follow at once where the failure was, unless the worker was lost.
_IN_PLACE = (RecoveryLevel.MINIMAL, RecoveryLevel.MODERATE)
# And for a model type, where a test ran no model.
NO_MODEL = "no_model"

_Key = TypeVar("_Key", str, int)


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RecoveryKind(_Value):
    """What recoveries are told apart by."""

    strategy: str
    level: RecoveryLevel
    browser: BrowserType | None = Field(description="the browser that was to be brought to work; null: simulation")
    model_type: ModelType | None = Field(description="null: the test ran no model, it was a user's own")
    category: str = Field(description="the failure type that the recovery began with, or circuit_open")


class Observation(_Value):
    """One recovery that ended."""

    kind: RecoveryKind
    succeeded: bool = Field(description="the attempt gave a result, be it the test's own failure")
    seconds: float | None = Field(
        description="from the failure being seen to the result, without waiting in a queue; null: it gave none"
    )


def observed(history: Sequence[AttemptRecord], model_type: ModelType | None) -> Observation | None:
    """What the last attempt of a history tells of the recovery that led to it; None where none did, or it never ran."""
    last = history[-1]
    if last.level is None or last.outcome == CIRCUIT_OPEN or len(history) < 2:
        return None
    before = history[-2]
    succeeded = last.failure_type is None
    # What went through a queue waited there for other tests: that says how busy the farm is, not how fast it recovers.
    gap = (
        last.started_at - (before.started_at + before.seconds)
        if last.level in _IN_PLACE and last.worker == before.worker
        else 0.0
    )
    seconds = max(0.0, gap) + last.seconds
    return Observation(
        kind=RecoveryKind(
            strategy=last.strategy or "",
            level=last.level,
            browser=last.browser,
            model_type=model_type,
            category=CIRCUIT_OPEN if before.failure_type is None else before.failure_type.value,
        ),
        succeeded=succeeded,
        seconds=seconds if succeeded else None,
    )


def observations(history: Sequence[AttemptRecord], model_type: ModelType | None) -> list[Observation]:
    """All recoveries of a test's history, oldest first."""
    seen = (observed(history[: end + 1], model_type) for end in range(len(history)))
    return [one for one in seen if one is not None]


class Tally(_Value):
    """Recoveries counted: attempts, successes, and the successes' seconds in buckets."""

    attempts: int = 0
    successes: int = 0
    buckets: Mapping[int, int] = Field(default_factory=dict, description="index in BUCKETS → successes")

    @classmethod
    def of(cls, observations: Iterable[Observation]) -> Self:
        """Count observations."""
        attempts, successes, buckets = 0, 0, defaultdict[int, int](int)
        for one in observations:
            attempts += 1
            successes += one.succeeded
            if one.seconds is not None:
                buckets[bucket_of(one.seconds)] += 1
        return cls(attempts=attempts, successes=successes, buckets=buckets)

    def __add__(self, other: Tally) -> Tally:
        buckets = defaultdict[int, int](int, self.buckets)
        for bucket, count in other.buckets.items():
            buckets[bucket] += count
        return Tally(
            attempts=self.attempts + other.attempts, successes=self.successes + other.successes, buckets=buckets
        )

    def seconds(self, share: float) -> float | None:
        """The time within which this share of the successes came, as if evenly spread in its bucket."""
        wanted = share * sum(self.buckets.values())
        below = 0
        for bucket in sorted(self.buckets):
            count = self.buckets[bucket]
            if below + count >= wanted:
                lower = BUCKETS[bucket - 1] if bucket else 0.0
                upper = BUCKETS[min(bucket, len(BUCKETS) - 1)]
                return round(lower + (upper - lower) * (wanted - below) / count, 3)
            below += count
        return None


def bucket_of(seconds: float) -> int:
    """The index of the bucket that a time belongs to; one beyond the last bound is ``len(BUCKETS)``."""
    return bisect.bisect_left(BUCKETS, seconds)


def wilson(successes: int, attempts: int) -> tuple[float, float]:
    """The 95 % interval of a rate, after Wilson: it holds for few attempts and for rates near 0 and 1."""
    if attempts == 0:
        return 0.0, 1.0
    rate, square = successes / attempts, _Z**2
    middle = rate + square / (2 * attempts)
    half = _Z * math.sqrt(rate * (1 - rate) / attempts + square / (4 * attempts**2))
    scale = 1 + square / attempts
    return max(0.0, (middle - half) / scale), min(1.0, (middle + half) / scale)


class RecoveryFigures(_Value):
    """What a tally says. Rates are from 0 to 1; null where there was no attempt, or no success to time."""

    attempts: int
    successes: int
    rate: float | None
    rate_low: float | None = Field(description="lower end of the rate's 95 % interval (Wilson)")
    rate_high: float | None = Field(description="upper end")
    seconds_p50: float | None = Field(description="from the failure being seen to the test's result, no queue included")
    seconds_p95: float | None

    @classmethod
    def of(cls, tally: Tally) -> Self:
        """Work a tally out."""
        low, high = wilson(tally.successes, tally.attempts) if tally.attempts else (None, None)
        return cls(
            attempts=tally.attempts,
            successes=tally.successes,
            rate=tally.successes / tally.attempts if tally.attempts else None,
            rate_low=low,
            rate_high=high,
            seconds_p50=tally.seconds(0.5),
            seconds_p95=tally.seconds(0.95),
        )


class RecoveryCell(RecoveryFigures):
    """The figures of one kind of recovery."""

    kind: RecoveryKind


class RecoverySummary(_Value):
    """Recoveries, added up in every way that people ask for. A simulated test is no recovered one and counts apart."""

    total: RecoveryFigures = Field(description="levels 1 to 4")
    simulated: RecoveryFigures = Field(description="level 5")
    by_strategy: dict[str, RecoveryFigures] = Field(description="simulation_fallback included")
    by_level: dict[int, RecoveryFigures] = Field(description="5 included")
    by_browser: dict[str, RecoveryFigures] = Field(description="levels 1 to 4, as all that follow")
    by_model_type: dict[str, RecoveryFigures]
    by_category: dict[str, RecoveryFigures]
    by_browser_and_model_type: dict[str, dict[str, RecoveryFigures]]
    cells: tuple[RecoveryCell, ...] = Field(description="every kind that was seen, level 5 included")

    @classmethod
    def of(cls, tallies: Mapping[RecoveryKind, Tally]) -> Self:
        """Add tallies up."""
        real = {kind: tally for kind, tally in tallies.items() if kind.browser is not None}
        simulated = [tally for kind, tally in tallies.items() if kind.browser is None]
        by_browser: dict[str, dict[RecoveryKind, Tally]] = defaultdict(dict)
        for kind, tally in real.items():
            by_browser[_browser(kind)][kind] = tally
        return cls(
            total=RecoveryFigures.of(sum(real.values(), Tally())),
            simulated=RecoveryFigures.of(sum(simulated, Tally())),
            by_strategy=_grouped(tallies, lambda kind: kind.strategy),
            by_level=_grouped(tallies, lambda kind: int(kind.level)),
            by_browser=_grouped(real, _browser),
            by_model_type=_grouped(real, _model_type),
            by_category=_grouped(real, lambda kind: kind.category),
            by_browser_and_model_type={
                browser: _grouped(kinds, _model_type) for browser, kinds in sorted(by_browser.items())
            },
            cells=tuple(
                RecoveryCell(kind=kind, **RecoveryFigures.of(tally).model_dump())
                for kind, tally in sorted(tallies.items(), key=lambda one: _order(one[0]))
            ),
        )

    @classmethod
    def of_histories(cls, histories: Iterable[tuple[Sequence[AttemptRecord], ModelType | None]]) -> Self:
        """Add up what tests' histories tell."""
        seen: dict[RecoveryKind, list[Observation]] = defaultdict(list)
        for history, model_type in histories:
            for one in observations(history, model_type):
                seen[one.kind].append(one)
        return cls.of({kind: Tally.of(group) for kind, group in seen.items()})


def _browser(kind: RecoveryKind) -> str:
    return SIMULATION if kind.browser is None else kind.browser.value


def _model_type(kind: RecoveryKind) -> str:
    return NO_MODEL if kind.model_type is None else kind.model_type.value


def _order(kind: RecoveryKind) -> tuple[int, str, str, str]:
    return int(kind.level), _browser(kind), _model_type(kind), kind.category


def _grouped(tallies: Mapping[RecoveryKind, Tally], key: Callable[[RecoveryKind], _Key]) -> dict[_Key, RecoveryFigures]:
    groups: dict[_Key, Tally] = {}
    for kind, tally in tallies.items():
        groups[key(kind)] = groups.get(key(kind), Tally()) + tally
    return {name: RecoveryFigures.of(groups[name]) for name in sorted(groups)}
