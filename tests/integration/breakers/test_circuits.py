"""Circuits against a real Redis: states, permits, fences, settings, metrics, and Redis going away."""

from __future__ import annotations

import asyncio
import math
import multiprocessing
import os
import signal

import pytest
import redis

from breakers import (
    CircuitBreakerRegistry,
    CircuitOpenError,
    CircuitState,
    InvalidSettings,
    StateChanged,
    StoreUnavailable,
)
from tests.conftest import RedisServer
from tests.farms import until

QUICK = {"failure_threshold": 2, "recovery_timeout": 1.0, "success_threshold": 2}


@pytest.fixture
def registry(redis_client: redis.Redis) -> CircuitBreakerRegistry:
    return CircuitBreakerRegistry(redis_client, **QUICK)


class Broken(Exception):
    """What the tests' calls fail by."""


def fail() -> None:
    raise Broken


def trip(registry: CircuitBreakerRegistry, name: str) -> None:
    circuit = registry.get(name)
    while circuit.state is CircuitState.CLOSED:
        with pytest.raises(Broken):
            circuit.call(fail)


def test_failures_in_a_row_open_it_and_probes_close_it(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("browser:chrome")
    trip(registry, "browser:chrome")
    with pytest.raises(CircuitOpenError) as caught:
        circuit.call(int)
    assert caught.value.name == "browser:chrome"
    assert 0 < caught.value.retry_after <= 1.0
    until(lambda: registry.states("browser:chrome")["browser:chrome"].retry_after == 0)
    assert circuit.state is CircuitState.HALF_OPEN
    circuit.call(int)
    assert circuit.state is CircuitState.HALF_OPEN
    circuit.call(int)
    assert circuit.state is CircuitState.CLOSED
    changes = [(event.previous, event.state) for event in registry.history() if isinstance(event, StateChanged)]
    assert changes == [("closed", "open"), ("open", "half_open"), ("half_open", "closed")]


def test_a_success_in_between_starts_the_count_anew(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("c")
    for call in (fail, int, fail, int):
        try:
            circuit.call(call)
        except Broken:
            continue
    assert circuit.state is CircuitState.CLOSED


def test_a_guard_takes_all_permits_or_none(registry: CircuitBreakerRegistry) -> None:
    trip(registry, "b")
    with pytest.raises(CircuitOpenError), registry.guard("a", "b"):
        raise AssertionError("the call was made")
    assert registry.get("a").get_metrics()["executions"] == 0
    until(lambda: registry.states("b")["b"].retry_after == 0)
    with registry.guard("a", "b"), pytest.raises(CircuitOpenError), registry.guard("b"):
        raise AssertionError("a second probe was let in")
    assert registry.get("a").get_metrics()["successes"] == 1


def test_what_is_not_counted_is_no_failure(registry: CircuitBreakerRegistry) -> None:
    for _ in range(5):
        with pytest.raises(Broken), registry.guard("c", counted=(OSError,)):
            fail()
        with pytest.raises(OSError, match="x"), registry.guard("c", ignored=(OSError,)):
            raise OSError("x")
    metrics = registry.get("c").get_metrics()
    assert (metrics["successes"], metrics["failures"]) == (10, 0)


def test_an_interrupted_call_gives_its_permit_back_uncounted(registry: CircuitBreakerRegistry) -> None:
    trip(registry, "c")
    until(lambda: registry.states("c")["c"].retry_after == 0)
    with pytest.raises(KeyboardInterrupt), registry.guard("c"):
        raise KeyboardInterrupt
    assert registry.states("c")["c"] == (CircuitState.HALF_OPEN, 0.0)


def test_a_late_result_of_an_earlier_generation_changes_nothing(registry: CircuitBreakerRegistry) -> None:
    late = registry.guard("c")
    late.__enter__()
    trip(registry, "c")
    late.__exit__(None, None, None)
    metrics = registry.get("c").get_metrics()
    assert metrics["current_state"] == "open"
    assert metrics["stale_results"] == 1


def _probe_for_ever(url: str, ready: object) -> None:
    with CircuitBreakerRegistry.from_url(url).guard("c"):
        ready.set()  # type: ignore[attr-defined]
        signal.pause()


def test_a_dead_probe_frees_its_permit(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, **QUICK, probe_seconds=0.3)
    trip(registry, "c")
    until(lambda: registry.states("c")["c"].retry_after == 0)
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    probe = context.Process(target=_probe_for_ever, args=(redis_server.url, ready))
    probe.start()
    assert ready.wait(60)
    assert probe.pid is not None
    os.kill(probe.pid, signal.SIGKILL)
    probe.join(60)
    until(lambda: registry.states("c")["c"].retry_after == 0)


def test_settings_in_force_win_and_the_difference_is_told_once(
    registry: CircuitBreakerRegistry, redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    registry.get("c", failure_threshold=4).call(int)
    other = CircuitBreakerRegistry(redis_client).get("c", failure_threshold=9)
    for _ in range(3):
        other.call(int)
    assert [record.message for record in caplog.records if "failure_threshold=4, not 9" in record.message]
    assert len(caplog.records) == 1
    registry.configure("c", failure_threshold=1)
    with pytest.raises(Broken):
        other.call(fail)
    assert other.state is CircuitState.OPEN


def test_settings_that_cannot_be_are_told(registry: CircuitBreakerRegistry) -> None:
    with pytest.raises(InvalidSettings, match="failure_treshold"):
        registry.get("c", failure_treshold=3)
    with pytest.raises(InvalidSettings, match="recovery_timeout"):
        registry.get("c", recovery_timeout=0)
    with pytest.raises(InvalidSettings, match="failure_threshold=True"):
        registry.get("c", failure_threshold=True)
    with pytest.raises(InvalidSettings, match="printable"):
        registry.get("a\nb")


@pytest.mark.parametrize("name", ["", "   ", None])
def test_a_name_that_cannot_be_is_told_wherever_it_is_given(registry: CircuitBreakerRegistry, name: str) -> None:
    async def guarded() -> None:
        async with registry.guard("a", name):
            raise AssertionError("the call was made")

    refused = pytest.raises(InvalidSettings, match=r"circuit name .* not blank")
    with refused:
        registry.get(name)
    with refused, registry.guard("a", name):
        raise AssertionError("the call was made")
    with refused:
        asyncio.run(guarded())
    with refused:
        registry.record("a", name, failed=True)
    with refused:
        registry.states(name)
    with refused:
        registry.record_recovery(name, method="simple_retry")
    assert registry.get_metrics()["circuits"] == {}


def test_an_operators_word_counts_more_than_outcomes(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("c")
    circuit.force_open()
    with pytest.raises(CircuitOpenError) as caught:
        circuit.call(int)
    assert caught.value.retry_after == math.inf
    circuit.disable()
    for _ in range(9):
        with pytest.raises(Broken):
            circuit.call(fail)
    assert circuit.state is CircuitState.DISABLED
    circuit.reset()
    assert circuit.state is CircuitState.CLOSED


def test_a_reset_reaches_another_process_at_once(registry: CircuitBreakerRegistry, redis_client: redis.Redis) -> None:
    other = CircuitBreakerRegistry(redis_client)
    registry.get("c").force_open()
    with pytest.raises(CircuitOpenError):
        other.get("c").call(int)
    registry.reset("c")

    def lets_through() -> bool:
        try:
            other.get("c").call(int)
        except CircuitOpenError:
            return False
        return True

    until(lets_through)
    registry.close()
    other.close()


def test_an_outcome_seen_from_outside_counts(registry: CircuitBreakerRegistry) -> None:
    registry.record("worker:w1", failed=True)
    registry.record("worker:w1", failed=True)
    assert registry.states("worker:w1", "worker:w2") == {
        "worker:w1": registry.states("worker:w1")["worker:w1"]._replace(
            retry_after=pytest.approx(0.5, abs=0.5)  # type: ignore[arg-type]
        ),
        "worker:w2": (CircuitState.CLOSED, 0.0),
    }


def test_names_and_prefixes_never_share_state_by_accident(redis_client: redis.Redis) -> None:
    odd = ("c", "C", "c ", "c:c", "state:c", "c}", "{c}", "ç", "*", "c|other")
    for prefix in ("breakwater", "breakwater:c", "other"):
        registry = CircuitBreakerRegistry(redis_client, prefix, failure_threshold=1)
        for name in odd:
            registry.record(name, failed=True)
            states = registry.states(*odd)
            assert [each for each in odd if states[each].state is CircuitState.OPEN] == [name]
            registry.reset(name)


def test_metrics_have_the_promised_keys(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("c")
    circuit.call(int)
    with pytest.raises(Broken):
        circuit.call(fail)
    circuit.record_recovery(method="simple_retry", browser="chrome", level=1, succeeded=True)
    metrics = circuit.get_metrics()
    assert metrics["current_state"] == "closed"
    assert (metrics["executions"], metrics["successes"], metrics["failures"]) == (2, 1, 1)
    assert metrics["success_rate"] == 0.5
    assert metrics["health"] == 75.0
    assert (metrics["recoveries"], metrics["recovery_rate"]) == (1, 1.0)
    assert metrics["circuit_open_count"] == 0
    assert metrics["avg_downtime_seconds"] == 0.0
    assert metrics["window"]["seconds_p95"] >= metrics["window"]["seconds_p50"] > 0
    [recovery] = metrics["recovery_history"]
    assert recovery["recovery_method"] == "simple_retry"
    assert recovery["browser"] == "chrome"
    assert recovery["timestamp"]
    assert registry.get_metrics()["circuits"]["c"]["executions"] == 2


def test_async_is_the_same(registry: CircuitBreakerRegistry) -> None:
    async def broken() -> None:
        raise Broken

    async def right() -> int:
        return 7

    async def story() -> None:
        circuit = registry.get("c")
        assert await circuit.execute(right) == 7
        for _ in range(2):
            with pytest.raises(Broken):
                await circuit.execute(broken)
        with pytest.raises(CircuitOpenError):
            async with registry.guard("a", "c"):
                raise AssertionError("the call was made")
        await asyncio.gather(*(registry.get(f"n{number}").execute(right) for number in range(100)))
        await registry.aclose()

    asyncio.run(story())
    assert registry.get_metrics()["executions"] == 103


def test_it_works_after_the_scripts_are_flushed(registry: CircuitBreakerRegistry, redis_client: redis.Redis) -> None:
    registry.get("c").call(int)
    redis_client.script_flush()
    registry.get("c").call(int)
    redis_client.flushall()
    registry.get("c").call(int)
    assert registry.get("c").get_metrics()["executions"] == 1


def test_without_redis_calls_are_allowed_or_rejected_and_it_comes_back(own_redis: RedisServer) -> None:
    client = redis.Redis.from_url(own_redis.url)
    trusting = CircuitBreakerRegistry(client, timeout=2.0)
    strict = CircuitBreakerRegistry(client, timeout=2.0, on_store_error="reject")
    trusting.get("c").call(int)
    strict.get("c").call(int)
    own_redis.stop()
    assert trusting.get("c").call(lambda: 7) == 7
    with pytest.raises(StoreUnavailable):
        strict.get("c").call(int)
    assert trusting.store_errors >= 1
    own_redis.start()

    def is_back() -> bool:
        try:
            strict.get("c").call(int)
        except StoreUnavailable:
            return False
        return True

    until(is_back)
    trusting.close()
    strict.close()
