"""Figures of circuits, from what metrics.lua returns. Reading and arithmetic only."""

from __future__ import annotations

import json
import math
import struct
from collections import Counter
from datetime import UTC, datetime
from typing import Any

from breakers.core import Command, Core, Steps
from breakers.events import Transition, from_stream
from breakers.follower import decoded
from breakers.scripts import Reply
from breakers.states import CircuitState

# An outcome in the window's ring: Redis time, duration (NaN: unknown), flags; see scripts/window.lua.
_ENTRY = struct.Struct("<dfB")
_FAILED = 1
# Latest recoveries that figures carry; what Redis keeps of them, and of tallies per method and browser.
RECOVERIES_SHOWN, RECOVERIES_KEPT, TALLIES_KEPT = 20, 100, 64
# How far each state lets a circuit be healthy.
_STATE_HEALTH = {CircuitState.CLOSED: 1.0, CircuitState.DISABLED: 1.0, CircuitState.HALF_OPEN: 0.5}


def circuit_metrics(core: Core, names: tuple[str, ...]) -> Steps[dict[str, dict[str, Any]]]:
    """Figures by circuit; of all circuits if no name is given. One trip."""
    if names:
        yield from core.declare_new(names)
    call = core.scripts.metrics.on(core.keys.of(names))
    reply = yield Command(call, (core.keys.root, RECOVERIES_SHOWN))
    assert isinstance(reply, list)
    now = float(reply[0])  # type: ignore[arg-type]
    figures = [_figures(part, now) for part in reply[1:]]
    return {one["name"]: one for one in figures}


def note_recovery(core: Core, name: str, method: str, browser: str, level: int, *, succeeded: bool) -> Steps[None]:
    """Keep a recovery in the circuit's history and tallies."""
    yield from core.declare_new((name,))
    recovery = {"method": method, "browser": browser, "level": level, "succeeded": succeeded}
    call = core.scripts.recovery.on(core.keys.of_recoveries(name))
    yield Command(call, (json.dumps(recovery), f"{method}|{browser}", int(succeeded), RECOVERIES_KEPT, TALLIES_KEPT))


def history_of(core: Core, limit: int) -> list[Transition]:
    """The latest entries of the stream of transitions, oldest first."""
    connection = core.address.connection()
    try:
        connection.send_command("XREVRANGE", core.keys.events, "+", "-", "COUNT", limit)
        entries: Any = connection.read_response()
    finally:
        connection.disconnect()
    events = (from_stream(decoded(raw)) for _, raw in reversed(entries))
    return [event for event in events if event is not None]


def registry_metrics(circuits: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Figures over all circuits. ``health``: the mean of theirs, 100 where there are none."""
    health = [circuit["health"] for circuit in circuits.values()]
    return {
        "circuits": circuits,
        "health": sum(health) / len(health) if health else 100.0,
        "states": dict(Counter(circuit["current_state"] for circuit in circuits.values())),
        "executions": sum(circuit["executions"] for circuit in circuits.values()),
        "failures": sum(circuit["failures"] for circuit in circuits.values()),
        "rejected": sum(circuit["rejected"] for circuit in circuits.values()),
    }


def _figures(part: Reply, now: float) -> dict[str, Any]:
    assert isinstance(part, list)
    raw_state, window, raw_recoveries, raw_tally = part
    stored = decoded(raw_state)  # type: ignore[arg-type]
    assert isinstance(window, bytes)
    state = CircuitState(stored["state"])
    successes, failures = int(stored["successes"]), int(stored["failures"])
    executions = successes + failures
    recent = _window(window, stored)
    seconds_in = {one.value: float(stored.get(f"seconds_{one}", 0)) for one in CircuitState}
    seconds_in[state.value] += max(0.0, now - float(stored["since"]))
    downtimes = int(stored.get("downtimes", 0))
    attempts, recovered = int(stored.get("recovery_attempts", 0)), int(stored.get("recoveries", 0))
    calm_rate = 1.0 if recent["success_rate"] is None else recent["success_rate"]
    return {
        "name": stored["name"],
        "current_state": state.value,
        "generation": int(stored["generation"]),
        "executions": executions,
        "successes": successes,
        "failures": failures,
        "success_rate": successes / executions if executions else 1.0,
        "rejected": int(stored["rejected"]),
        "stale_results": int(stored["stale"]),
        "slow_calls": int(stored["slow"]),
        "circuit_open_count": int(stored["opens"]),
        "avg_downtime_seconds": float(stored.get("downtime_seconds", 0)) / downtimes if downtimes else 0.0,
        "seconds_in_state": seconds_in,
        "window": recent,
        "recovery_attempts": attempts,
        "recoveries": recovered,
        "recovery_rate": recovered / attempts if attempts else 0.0,
        "recovery_history": [_recovery(raw) for raw in reversed(raw_recoveries)],  # type: ignore[arg-type]
        "recoveries_by_method": _tally(decoded(raw_tally)),  # type: ignore[arg-type]
        # The share of successes in the window, less by half while probing, nothing while open.
        "health": 100.0 * calm_rate * _STATE_HEALTH.get(state, 0.0),
    }


def _window(window: bytes, stored: dict[str, str]) -> dict[str, Any]:
    """Rates and latencies of the latest outcomes."""
    filled, cursor, size = int(stored["filled"]), int(stored["cursor"]), int(stored["metrics_window_size"])
    failed, durations = 0, []
    for back in range(1, filled + 1):
        _, seconds, flags = _ENTRY.unpack_from(window, (cursor - back) % size * _ENTRY.size)
        failed += flags & _FAILED
        if not math.isnan(seconds):
            durations.append(seconds)
    durations.sort()
    return {
        "size": size,
        "samples": filled,
        "failures": failed,
        "success_rate": (filled - failed) / filled if filled else None,
        "failure_rate": failed / filled if filled else None,
        "seconds_p50": _percentile(durations, 0.50),
        "seconds_p95": _percentile(durations, 0.95),
    }


def _percentile(ordered: list[float], share: float) -> float | None:
    """The nearest-rank percentile; None of nothing."""
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)] if ordered else None


def _recovery(raw: bytes) -> dict[str, Any]:
    recovery = json.loads(raw)
    return {
        "timestamp": datetime.fromtimestamp(recovery["at"], UTC).isoformat(timespec="milliseconds"),
        "recovery_method": recovery["method"],
        "browser": recovery["browser"],
        "level": recovery["level"],
        "succeeded": recovery["succeeded"],
    }


def _tally(tally: dict[str, str]) -> list[dict[str, Any]]:
    rows = []
    for kind, counts in sorted(tally.items()):
        method, _, browser = kind.partition("|")
        attempts, succeeded = map(int, counts.split())
        rows.append({"method": method, "browser": browser, "attempts": attempts, "succeeded": succeeded})
    return rows
