"""A circuit's metrics, from what metrics.lua returned: reading and arithmetic only. Keys and meanings are a promise."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypedDict

from breakers.follower import decoded
from breakers.settings import SETTING_NAMES, CircuitSettings
from breakers.states import CircuitState

# Latest recoveries kept with a circuit.
RECOVERIES_KEPT = 100
# Pairs of method and browser counted by themselves.
TALLIES_KEPT = 200
# How far a recovery may have gone.
LEVELS = range(1, 6)

# As window.lua writes them: Redis time (s), duration (s, NaN: unknown), flags (1 failed, 2 slow).
ENTRY = struct.Struct("<dfB")
# States by the numbers that circuit.lua gives them.
STATES = dict(enumerate(CircuitState, 1))
# As circuit.lua packs the field `hot`.
HOT = struct.Struct("<B9I2QB")


class Recovery(TypedDict):
    """One attempt to recover, by whatever the circuit guards."""

    timestamp: str
    """UTC, ISO 8601; Redis's clock."""
    recovery_method: str
    browser: str | None
    level: int | None
    """1 to 5, from the gentlest to the furthest; None: it has none."""
    succeeded: bool


class RecoveryTally(TypedDict):
    """Attempts by one method on one browser."""

    method: str
    browser: str | None
    attempts: int
    succeeded: int


class WindowMetrics(TypedDict):
    """The latest outcomes, as the circuit's rates judge them. None: nothing to tell."""

    samples: int
    failure_rate: float | None
    slow_rate: float | None
    seconds_p50: float | None
    seconds_p95: float | None


class CircuitMetrics(TypedDict):
    """All that is known of a circuit. Counts are over its whole life; durations in seconds."""

    name: str
    current_state: str
    executions: int
    """Calls made whose outcome was recorded."""
    successes: int
    failures: int
    success_rate: float
    """successes / executions; 1.0 before the first."""
    recoveries: int
    """Recovery attempts that succeeded."""
    recovery_attempts: int
    recovery_rate: float
    """recoveries / recovery_attempts; 0.0 before the first."""
    circuit_open_count: int
    avg_downtime_seconds: float
    """Mean time from opening to closing again, a downtime that still lasts included."""
    recovery_history: list[Recovery]
    """The latest, oldest first."""
    recoveries_by_method: list[RecoveryTally]
    health: float
    """0 to 100, see ``health``."""
    rejected: int
    stale_results: int
    """Results that came too late to mean anything: of an earlier generation, or after their lease."""
    slow_calls: int
    failures_in_a_row: int
    window: WindowMetrics
    seconds_in_state: dict[str, float]
    """Time spent in each state."""
    since: float
    """When the current state began: Unix time, Redis's clock."""
    retry_after: float
    """What is left of an opening; ``math.inf`` for a circuit forced open; else 0.0."""
    generation: int
    settings: CircuitSettings


def health(
    state: CircuitState, settings: CircuitSettings, window: WindowMetrics, failures_in_a_row: int, probe_successes: int
) -> float:
    """How well a circuit is, from 0 to 100.

    OPEN and FORCED_OPEN: 0. HALF_OPEN: 25, and up to 50 with the probes that have succeeded. CLOSED: 100 × the share
    of successes in the window (from ``min_samples_for_stats`` on), less up to half of it on the way to
    ``failure_threshold`` failures in a row. DISABLED: as CLOSED, the latter apart.
    """
    if state in (CircuitState.OPEN, CircuitState.FORCED_OPEN):
        return 0.0
    if state is CircuitState.HALF_OPEN:
        return round(25 + 25 * min(1.0, probe_successes / settings.success_threshold), 1)
    share = 1.0
    if window["samples"] >= settings.min_samples_for_stats and window["failure_rate"] is not None:
        share = 1 - window["failure_rate"]
    if state is CircuitState.CLOSED and settings.failure_threshold is not None:
        share *= 1 - 0.5 * min(1.0, failures_in_a_row / settings.failure_threshold)
    return round(100 * share, 1)


class _Hot(NamedTuple):
    """The field ``hot`` of a circuit's hash; see scripts/circuit.lua."""

    state: int
    generation: int
    touch_at: int
    size: int
    failure_threshold: int
    cursor: int
    filled: int
    failed: int
    slow: int
    in_a_row: int
    successes: int
    failures: int
    flags: int


def read_metrics(raw: list[Any], now: float, uncounted: Mapping[str, int]) -> CircuitMetrics:
    """One circuit of metrics.lua's reply. ``uncounted``: rejections by this process that Redis doesn't know of yet."""
    binary = dict(zip(raw[0][::2], raw[0][1::2], strict=True))
    hot = _Hot(*HOT.unpack(binary.pop(b"hot")))
    fields = {key.decode(): value.decode() for key, value in binary.items()}
    count = {key: int(fields.get(key, 0)) for key in _COUNTS}
    state = STATES[hot.state]
    settings = CircuitSettings.model_validate({name: fields[name] for name in SETTING_NAMES if name in fields})
    window = _window(hot, raw[1], settings, now)
    since = float(fields["since"])
    executions = hot.successes + hot.failures
    return CircuitMetrics(
        name=fields["name"],
        current_state=state.value,
        executions=executions,
        successes=hot.successes,
        failures=hot.failures,
        success_rate=_share(hot.successes, executions, before_the_first=1.0),
        recoveries=count["recoveries"],
        recovery_attempts=count["recovery_attempts"],
        recovery_rate=_share(count["recoveries"], count["recovery_attempts"]),
        circuit_open_count=count["opens"],
        avg_downtime_seconds=_mean_downtime(fields, now),
        recovery_history=[_recovery(entry) for entry in reversed(raw[2])],
        recoveries_by_method=[_tally(kind, counts) for kind, counts in decoded(raw[3]).items()],
        health=health(state, settings, window, hot.in_a_row, count["probe_successes"]),
        rejected=count["rejected"] + uncounted.get(fields["name"], 0),
        stale_results=count["stale"],
        slow_calls=count["slow"],
        failures_in_a_row=hot.in_a_row,
        window=window,
        seconds_in_state={
            each.value: float(fields.get(f"seconds_{each.value}", 0)) + (max(0.0, now - since) if each is state else 0)
            for each in CircuitState
        },
        since=since,
        retry_after=_retry_after(state, fields, now),
        generation=hot.generation,
        settings=settings,
    )


_COUNTS = ("recoveries", "recovery_attempts", "opens", "rejected", "stale", "slow", "probe_successes")


def _share(part: int, whole: int, before_the_first: float = 0.0) -> float:
    return part / whole if whole else before_the_first


def _mean_downtime(fields: Mapping[str, str], now: float) -> float:
    total, times = float(fields.get("downtime_seconds", 0)), int(fields.get("downtimes", 0))
    if "down_since" in fields:
        total, times = total + max(0.0, now - float(fields["down_since"])), times + 1
    return total / times if times else 0.0


def _retry_after(state: CircuitState, fields: Mapping[str, str], now: float) -> float:
    if state is CircuitState.OPEN:
        return max(0.0, float(fields["open_until"]) - now)
    return math.inf if state is CircuitState.FORCED_OPEN else 0.0


def _window(hot: _Hot, ring: bytes, settings: CircuitSettings, now: float) -> WindowMetrics:
    oldest = now - settings.window_seconds if settings.window_seconds else -math.inf
    # The window's key may be gone (expired, evicted) while the counters are not.
    slots = ((hot.cursor - 1 - age) % hot.size * ENTRY.size for age in range(hot.filled))
    entries = [ENTRY.unpack_from(ring, slot) for slot in slots if slot + ENTRY.size <= len(ring)]
    entries = [entry for entry in entries if entry[0] >= oldest]
    durations = sorted(entry[1] for entry in entries if not math.isnan(entry[1]))
    samples = len(entries)
    return WindowMetrics(
        samples=samples,
        failure_rate=sum(entry[2] & 1 for entry in entries) / samples if samples else None,
        slow_rate=sum(entry[2] >> 1 for entry in entries) / samples if samples else None,
        seconds_p50=_quantile(durations, 0.50),
        seconds_p95=_quantile(durations, 0.95),
    )


def _quantile(ordered: list[float], share: float) -> float | None:
    """The nearest rank: a value that was really seen."""
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 6) if ordered else None


def _recovery(entry: bytes) -> Recovery:
    raw = json.loads(entry)
    return Recovery(
        timestamp=datetime.fromtimestamp(raw["at"], UTC).isoformat(timespec="milliseconds"),
        recovery_method=raw["method"],
        browser=raw.get("browser"),
        level=raw.get("level"),
        succeeded=raw["succeeded"],
    )


def _tally(kind: str, counts: str) -> RecoveryTally:
    method, _, browser = kind.rpartition("|")
    attempts, succeeded = counts.split()
    return RecoveryTally(method=method, browser=browser or None, attempts=int(attempts), succeeded=int(succeeded))
