"""Random histories of calls, deaths, time and orders: Redis and the model must agree after every step.

200 histories in a normal run; ``BREAKWATER_HISTORIES=10000`` for a night.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from breakers import CircuitOpenError, CircuitSettings, CircuitState
from breakers.metrics import ENTRY, HOT
from tests.integration.breakers.model import ModelCircuit, record_failure
from tests.integration.breakers.steered import SteeredClock, SteeredRegistry

HISTORIES = int(os.environ.get("BREAKWATER_HISTORIES", "200"))
STEPS = 40
NAMES = ("a", "b", "c")
some_names = st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True).map(tuple)
outcomes = st.sampled_from(["success", "failure", "failure", "release"])
durations = st.sampled_from([0.5, 1.0, None])
maybe = st.none()
circuit_settings = st.fixed_dictionaries(
    {
        "failure_threshold": st.integers(1, 3),
        "recovery_timeout": st.sampled_from([1.0, 1.0, 4.0]),
        "half_open_max_calls": st.integers(1, 3),
        "success_threshold": st.integers(1, 3),
        "metrics_window_size": st.integers(3, 7),
        "min_samples_for_stats": st.integers(1, 3),
        "window_seconds": maybe | st.sampled_from([2.0, 6.0]),
        "failure_rate_threshold": maybe | maybe | st.sampled_from([0.4, 0.5, 1.0]),
        "slow_call_seconds": st.just(1.0),
        "slow_call_rate_threshold": maybe | st.sampled_from([0.5, 0.75]),
        "recovery_timeout_factor": st.sampled_from([1.0, 2.0]),
        "recovery_timeout_max": st.sampled_from([4.0, 10.0]),
        "calm_seconds": st.sampled_from([0.0, 5.0]),
        "probe_seconds": st.sampled_from([2.0, 8.0]),
    }
)


@dataclass
class Call:
    """A call under way: what Redis and the model gave for it."""

    names: tuple[str, ...]
    token: bytes
    held: dict[str, tuple[int, int | None]]


class Histories(RuleBasedStateMachine):
    """Three circuits of one registry, and their models."""

    client: redis.Redis
    count = 0
    models: dict[str, ModelCircuit] = {}  # noqa: RUF012 – replaced by begin

    @initialize(each=st.tuples(circuit_settings, circuit_settings, circuit_settings))
    def begin(self, each: tuple[dict[str, Any], ...]) -> None:
        Histories.count += 1
        self.client.flushdb()
        prefix = f"history-{Histories.count}"
        # A busy machine is no outage.
        self.registry = SteeredRegistry(self.client, prefix, timeout=30.0)
        self.gate = self.registry._gate
        self.clock = SteeredClock(self.client, prefix)
        self.models = {}
        self.calls: list[Call] = []
        for name, chosen in zip(NAMES, each, strict=True):
            self.models[name] = ModelCircuit(self.registry.get(name, **chosen).settings, since=self.clock.now)

    @rule(names=some_names)
    def acquire(self, names: tuple[str, ...]) -> None:
        now = self.clock.now
        waits = {name: wait for name in names if (wait := self.models[name].look(now))}
        try:
            token = self.gate.enter(names)
        except CircuitOpenError as error:
            assert set(error.waits) == set(waits)
            for name, wait in waits.items():
                assert math.isclose(error.waits[name], wait, abs_tol=0.0011), name
                self.models[name].rejected += 1
        else:
            assert not waits
            assert token is not None
            self.calls.append(Call(names, token, {name: self.models[name].take(now) for name in names}))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), outcome=outcomes, took=durations)
    def end(self, data: st.DataObject, outcome: Any, took: float | None) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        self.gate.leave(call.names, call.token, outcome, took)
        for name in call.names:
            self.models[name].record(self.clock.now, outcome, took, call.held[name])

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), took=durations)
    def fail_with_a_suspect(self, data: st.DataObject, took: float | None) -> None:
        call = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        suspect = data.draw(st.sampled_from(call.names))
        self.gate.leave(call.names, call.token, "failure", took, suspect)
        record_failure(self.models, self.clock.now, took, call.held, suspect)

    @precondition(lambda self: any(permit for call in self.calls for _, permit in call.held.values()))
    @rule(data=st.data())
    def renew(self, data: st.DataObject) -> None:
        call = self.calls[data.draw(st.integers(0, len(self.calls) - 1))]
        expected = [self.models[name].renew(self.clock.now, call.held[name]) for name in call.names]
        assert self.gate.renew(call.names, call.token) == all(expected)

    @rule(names=some_names, failed=st.booleans(), took=st.sampled_from([0.5, 1.0]))
    def record_from_outside(self, names: tuple[str, ...], failed: bool, took: float) -> None:
        self.registry.record(*names, failed=failed, seconds=took)
        for name in names:
            self.models[name].record(self.clock.now, "failure" if failed else "success", took, None)

    @precondition(lambda self: self.calls)
    @rule(data=st.data())
    def die(self, data: st.DataObject) -> None:
        """The process is killed: nobody ever tells how its call ended."""
        self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))

    @rule(seconds=st.sampled_from([0.25, 1.0, 1.0, 2.0, 8.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.calls)
    @rule(name=st.sampled_from(NAMES), state=st.sampled_from(["closed", "closed", "closed", "forced_open", "disabled"]))
    def order(self, name: str, state: str) -> None:
        orders = {"closed": self.registry.reset, "forced_open": self.registry.force_open}
        orders.get(state, self.registry.disable)(name)
        self.models[name].force(CircuitState(state), self.clock.now)

    @rule(name=st.sampled_from(NAMES), size=st.integers(3, 7), failure_threshold=st.integers(1, 4))
    def configure(self, name: str, size: int, failure_threshold: int) -> None:
        model = self.models[name]
        changes = {"metrics_window_size": size, "failure_threshold": failure_threshold}
        self.registry.configure(name, **changes)
        model.settings = CircuitSettings.of({**model.settings.model_dump(), **changes})
        model.window = model.window[-size:]

    @rule(restarts=st.booleans())
    def another_process(self, restarts: bool) -> None:
        """Whoever comes, goes on where the others are; a server that lost its scripts gets them anew."""
        if restarts:
            self.client.script_flush()
        self.registry = SteeredRegistry(self.client, f"history-{Histories.count}", timeout=30.0)
        self.gate = self.registry._gate

    @precondition(lambda self: any(model.state is CircuitState.OPEN for model in self.models.values()))
    @rule(others=st.sets(st.sampled_from(NAMES), max_size=1), probes=st.integers(1, 3))
    def probes_begin(self, others: set[str], probes: int) -> None:
        """The first opening ends, and whoever waited for it comes at once."""
        waiting = [model for model in self.models.values() if model.state is CircuitState.OPEN]
        first = min(waiting, key=lambda model: model.open_until)
        self.clock.advance(max(0.0, first.open_until - self.clock.now))
        name = next(name for name, model in self.models.items() if model is first)
        for _ in range(probes):
            self.acquire((name, *(others - {name})))

    @precondition(lambda self: any(model.permits for model in self.models.values()))
    @rule()
    def a_lease_runs_out(self) -> None:
        ends = min(end for model in self.models.values() for end in model.permits.values())
        self.clock.advance(max(0.0, ends - self.clock.now))

    @precondition(lambda self: any(model.state is CircuitState.CLOSED for model in self.models.values()))
    @rule(name=st.sampled_from(NAMES))
    def trouble_comes(self, name: str) -> None:
        """As many failures as it takes to open."""
        model = self.models[name]
        before = model.generation
        for _ in range(4):
            if model.generation == before:
                self.record_from_outside((name,), failed=True, took=0.5)

    @rule()
    def look(self) -> None:
        """Redis and the models tell the same. A look moves time on, so it isn't taken after every step."""
        if not self.models:
            return
        for model in self.models.values():
            model.look(self.clock.now)
            model.drop_old(self.clock.now)
        metrics = self.registry.get_metrics()["circuits"]
        for name, model in self.models.items():
            seen = metrics[name]
            window = model.window
            assert seen["current_state"] == model.state
            assert seen["generation"] == model.generation
            assert (seen["successes"], seen["failures"]) == (model.successes, model.failures)
            assert (seen["rejected"], seen["stale_results"]) == (model.rejected, model.stale)
            assert seen["circuit_open_count"] == model.opens
            assert seen["failures_in_a_row"] == model.in_a_row
            assert seen["window"]["samples"] == len(window)
            if window:
                assert seen["window"]["failure_rate"] == sum(entry.failed for entry in window) / len(window)
                assert seen["window"]["slow_rate"] == sum(entry.slow for entry in window) / len(window)
            self.counters_agree_with_the_ring(name)

    def counters_agree_with_the_ring(self, name: str) -> None:
        """What rates are judged by is what lies in the window."""
        root = self.gate.operations._keys.root
        hot = HOT.unpack(self.client.hget(f"{root}:state:{name}", "hot"))
        size, _, cursor, filled, failed, slow = hot[3:9]
        ring = self.client.get(f"{root}:window:{name}") or b""
        flags = [ring[(cursor - 1 - age) % size * ENTRY.size + ENTRY.size - 1] for age in range(filled)]
        assert (failed, slow) == (sum(flag & 1 for flag in flags), sum(flag >> 1 for flag in flags))

    def teardown(self) -> None:
        self.look()


@pytest.mark.timeout(max(600, HISTORIES))
def test_redis_and_the_model_agree_on_every_history(redis_client: redis.Redis) -> None:
    Histories.client = redis_client
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Histories,
        settings=settings(
            max_examples=HISTORIES,
            stateful_step_count=STEPS,
            deadline=None,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
