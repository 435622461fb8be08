"""The ways to use a circuit, and what is told of it: decorators, predicates, settings, events, the verbose log."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
import time

import pytest
import redis

from breakers import (
    CircuitBreaker,
    CircuitBreakerRegistry,
    CircuitOpenError,
    CircuitState,
    InvalidSettings,
    SettingsChanged,
    StateChanged,
)
from tests.conftest import RedisServer
from tests.farms import until
from tests.integration.breakers.steered import SteeredClock, SteeredRegistry


@pytest.fixture
def registry(redis_client: redis.Redis) -> CircuitBreakerRegistry:
    return CircuitBreakerRegistry(redis_client)


def test_a_breaker_by_itself_lives_at_the_url_of_the_environment(
    redis_server: RedisServer, registry: CircuitBreakerRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BREAKWATER_REDIS_URL", redis_server.url)
    breaker = CircuitBreaker(
        name="browser_firefox_whisper", failure_threshold=5, recovery_timeout=30.0, half_open_max_calls=2,
        success_threshold=3, metrics_window_size=200, min_samples_for_stats=10,
    )  # fmt: skip
    assert breaker.call(max, 1, 2) == 2
    assert asyncio.run(breaker.execute(asyncio.sleep, 0, "slept")) == "slept"
    assert registry.get("browser_firefox_whisper").get_metrics()["executions"] == 2
    assert breaker.settings.metrics_window_size == 200


def test_functions_and_coroutine_functions_can_be_decorated(registry: CircuitBreakerRegistry) -> None:
    @registry.get("one", failed_result=lambda result: result is None)
    def find(what: str) -> str | None:
        return what or None

    @registry.guard("one", "two")
    async def fetch(what: str) -> str:
        return what

    assert find.__name__ == "find"
    assert find("x") == "x"
    assert find("") is None

    async def story() -> None:
        assert await asyncio.gather(fetch("y"), fetch("z")) == ["y", "z"]
        await registry.aclose()

    asyncio.run(story())
    one, two = registry.get("one").get_metrics(), registry.get("two").get_metrics()
    assert (one["successes"], one["failures"], two["successes"]) == (3, 1, 2)


def test_predicates_choose_what_counts(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("c", counted=lambda error: "counts" in str(error), ignored=KeyError)
    for error in (ValueError("counts"), ValueError("doesn't"), KeyError("counts")):
        with pytest.raises(type(error)), circuit.guard():
            raise error
    with circuit.guard() as guard:
        guard.fail()
    metrics = circuit.get_metrics()
    assert (metrics["successes"], metrics["failures"]) == (2, 2)


def test_another_circuits_rejection_is_no_outcome_of_this_one(registry: CircuitBreakerRegistry) -> None:
    registry.force_open("inner")
    with pytest.raises(CircuitOpenError), registry.guard("outer"), registry.guard("inner"):
        raise AssertionError("the call was made")
    assert registry.get("outer").get_metrics()["executions"] == 0


def test_a_guard_is_around_one_call_at_a_time(registry: CircuitBreakerRegistry) -> None:
    guard = registry.guard("c", "c")
    for _ in range(2):
        with guard:
            pass
    with guard, pytest.raises(RuntimeError, match="around a call already"), guard:
        raise AssertionError("entered twice")
    with pytest.raises(RuntimeError, match="not entered"):
        guard.__exit__(None, None, None)
    assert registry.get("c").get_metrics()["executions"] == 3
    with pytest.raises(InvalidSettings, match="no circuit named"), registry.guard():
        raise AssertionError("guarded by nothing")


def test_a_newer_version_of_settings_comes_into_force_for_all(
    redis_client: redis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    old = CircuitBreakerRegistry(redis_client).get("c", failure_threshold=5)
    old.call(int)
    changes: list[SettingsChanged] = []
    registry = CircuitBreakerRegistry(redis_client)
    registry.on(SettingsChanged, changes.append)
    new = registry.get("c", failure_threshold=1, version=2)
    new.call(int)
    assert old.settings.failure_threshold == 1
    assert new.settings == old.settings
    CircuitBreakerRegistry(redis_client).get("c", failure_threshold=5).call(int)
    assert new.settings.version == 2
    assert old.get_metrics()["executions"] == 3
    assert "failure_threshold=1, not 5" in caplog.text
    until(lambda: [change.version for change in changes] == [2])
    registry.close()


def test_settings_that_somebody_asks_for_come_before_mere_defaults(redis_client: redis.Redis) -> None:
    unasked = CircuitBreakerRegistry(redis_client)
    with unasked.guard("c"):
        pass
    asked = CircuitBreakerRegistry(redis_client).get("c", failure_threshold=7)
    asked.call(int)
    assert unasked.get("c").settings.failure_threshold == 7


def test_openings_grow_up_to_a_cap_and_start_small_again_after_a_calm_time(redis_client: redis.Redis) -> None:
    registry = SteeredRegistry(
        redis_client, failure_threshold=1, success_threshold=1, recovery_timeout=1.0, recovery_timeout_factor=2.0,
        recovery_timeout_max=5.0, calm_seconds=60.0,
    )  # fmt: skip
    clock = SteeredClock(redis_client, "breakwater")

    def next_opening() -> float:
        registry.record("c", failed=True)
        wait = registry.states("c")["c"].retry_after
        clock.advance(wait)
        assert registry.states("c")["c"].state is CircuitState.HALF_OPEN
        return round(wait, 3)

    assert [next_opening() for _ in range(5)] == [1.0, 2.0, 4.0, 5.0, 5.0]
    registry.get("c").call(int)
    clock.advance(59)
    assert next_opening() == 5.0
    registry.get("c").call(int)
    clock.advance(60)
    assert next_opening() == 1.0


def test_a_renewed_probe_keeps_its_place_and_its_result_counts(redis_client: redis.Redis) -> None:
    registry = SteeredRegistry(
        redis_client, failure_threshold=1, success_threshold=2, recovery_timeout=1.0, probe_seconds=10.0
    )
    clock = SteeredClock(redis_client, "breakwater")
    with registry.guard("c", "closed") as guard:
        commands = redis_client.info("commandstats")["cmdstat_evalsha"]["calls"]
        assert guard.renew()
        assert redis_client.info("commandstats")["cmdstat_evalsha"]["calls"] == commands, "nothing was leased"
    assert not guard.renew(), "no call is under way"
    registry.record("c", failed=True)
    clock.advance(1)

    with registry.guard("c", "closed", probe_seconds=2.5) as guard:
        for _ in range(3):
            clock.advance(2)
            assert guard.renew()
            with pytest.raises(CircuitOpenError), registry.guard("c"):
                raise AssertionError("a second probe was let in")

    async def story() -> None:
        async with registry.guard("c") as guard:
            clock.advance(9)
            assert await guard.renew_async()
            clock.advance(10)
            assert not await guard.renew_async(), "its lease has ended"
        await registry.aclose()

    asyncio.run(story())
    metrics = registry.get("c").get_metrics()
    assert (metrics["successes"], metrics["stale_results"], metrics["current_state"]) == (2, 1, "half_open")


def test_jitter_spreads_the_openings(redis_client: redis.Redis) -> None:
    registry = SteeredRegistry(redis_client, failure_threshold=1, recovery_timeout=10.0, recovery_timeout_jitter=0.2)
    clock = SteeredClock(redis_client, "breakwater")
    waits = []
    for number in range(30):
        clock.advance(0.37)
        registry.record(f"c{number}", failed=True)
        waits.append(registry.states(f"c{number}")[f"c{number}"].retry_after)
    assert all(8.0 <= wait <= 12.001 for wait in waits)
    assert max(waits) - min(waits) > 1.0


def test_an_idle_circuit_is_forgotten_but_not_an_operators_word(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(
        redis_client, recovery_timeout=0.2, recovery_timeout_max=0.2, probe_seconds=0.2, idle_seconds=1.0
    )
    registry.record("idle", failed=True)
    registry.get("idle").record_recovery(method="simple_retry")
    registry.get("ordered").call(int)
    registry.force_open("ordered")
    until(lambda: not redis_client.keys("*idle"))
    assert set(registry.get_metrics()["circuits"]) == {"ordered"}
    assert registry.states("ordered")["ordered"].state is CircuitState.FORCED_OPEN
    registry.reset("ordered")
    until(lambda: not redis_client.keys("*ordered"))
    registry.get("new").call(int)
    assert redis_client.zrange("{breakwater:circuits}:names", 0, -1) == [b"new"]


def test_a_change_of_state_is_told_to_listeners_of_every_process(redis_client: redis.Redis) -> None:
    registry, other = CircuitBreakerRegistry(redis_client), CircuitBreakerRegistry(redis_client)
    heard: list[StateChanged] = []
    heard_async: list[StateChanged] = []

    async def listener(event: StateChanged) -> None:
        assert threading.current_thread() is threading.main_thread()
        heard_async.append(event)

    async def story() -> None:
        other.on(StateChanged, heard.append)
        other.on(StateChanged, listener)
        registry.get("c").force_open(reason="the lab is being moved")
        registry.get("c").reset()
        deadline = time.monotonic() + 60
        while len(heard_async) < 2:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.005)

    asyncio.run(story())
    assert heard == heard_async == registry.history()
    assert [(event.previous, event.state, event.reason) for event in heard] == [
        ("closed", "forced_open", "the lab is being moved"),
        ("forced_open", "closed", "reset"),
    ]
    other.close()


def test_listeners_hear_later_what_happened_while_redis_was_away(own_redis: RedisServer) -> None:
    client = redis.Redis.from_url(own_redis.url)
    registry, other = CircuitBreakerRegistry(client), CircuitBreakerRegistry(client)
    heard: list[StateChanged] = []
    registry.on(StateChanged, heard.append)
    until(registry._gate.follower.reading.is_set)
    own_redis.stop()
    until(lambda: not registry._gate.follower.reading.is_set())
    own_redis.start()
    other.force_open("c")
    until(lambda: [event.state for event in heard] == [CircuitState.FORCED_OPEN])
    registry.close()
    other.close()


def test_rejections_by_notes_are_counted_for_everybody(registry: CircuitBreakerRegistry) -> None:
    registry.force_open("c")
    for _ in range(20):
        with pytest.raises(CircuitOpenError), registry.guard("c"):
            raise AssertionError("the call was made")
    assert registry.get("c").get_metrics()["rejected"] == 20


def test_recoveries_are_kept_and_tallied(registry: CircuitBreakerRegistry) -> None:
    circuit = registry.get("browser:chrome")
    for level, succeeded in ((1, False), (2, True), (2, True)):
        method = "browser_restart" if level == 2 else "simple_retry"
        circuit.record_recovery(method=method, browser="chrome", level=level, succeeded=succeeded)
    metrics = circuit.get_metrics()
    assert (metrics["recoveries"], metrics["recovery_attempts"]) == (2, 3)
    assert metrics["recovery_rate"] == pytest.approx(2 / 3)
    assert [recovery["level"] for recovery in metrics["recovery_history"]] == [1, 2, 2]
    tally = {row["method"]: (row["attempts"], row["succeeded"]) for row in metrics["recoveries_by_method"]}
    assert tally == {"simple_retry": (1, 0), "browser_restart": (2, 2)}


@pytest.mark.parametrize("level", [0, 6, 99, True, 2.5, "2"])
def test_a_recovery_of_no_level_there_is_is_refused(registry: CircuitBreakerRegistry, level: int) -> None:
    circuit = registry.get("browser:chrome")
    with pytest.raises(InvalidSettings, match=r"recovery level .*: must be 1 to 5, or None"):
        circuit.record_recovery(method="simple_retry", level=level)
    assert circuit.get_metrics()["recovery_attempts"] == 0


def test_the_history_is_as_long_as_asked(registry: CircuitBreakerRegistry) -> None:
    for name in ("a", "b", "c"):
        registry.force_open(name)
    changes = [change for change in registry.history(limit=2) if isinstance(change, StateChanged)]
    assert [change.name for change in changes] == ["b", "c"]


@pytest.mark.parametrize("limit", [0, -1, True, 2.5, "5", None])
def test_a_history_of_no_length_is_refused(registry: CircuitBreakerRegistry, limit: int) -> None:
    registry.force_open("a")
    with pytest.raises(InvalidSettings, match=r"limit=.*: must be a whole number above 0"):
        registry.history(limit)
    assert registry.store_errors == 0


def test_latencies_are_those_of_the_window(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, metrics_window_size=20)
    for number in range(1, 61):
        registry.record("c", failed=False, seconds=number / 10)
    window = registry.get("c").get_metrics()["window"]
    assert window["samples"] == 20
    assert (window["seconds_p50"], window["seconds_p95"]) == (5.0, 5.9)


VERBOSE = """
import sys
from breakers import CircuitBreakerRegistry, CircuitOpenError
registry = CircuitBreakerRegistry.from_url(sys.argv[1], failure_threshold=1)
try:
    registry.get("c").call(int, "no number")
except ValueError:
    pass
for _ in range(2):
    try:
        registry.get("c").call(int)
    except CircuitOpenError:
        pass
"""


def test_the_verbose_log_tells_each_decision_and_its_reason(
    redis_server: RedisServer, redis_client: redis.Redis
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", VERBOSE, redis_server.url],
        env={**os.environ, "CIRCUIT_BREAKER_VERBOSE": "1"}, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    for told in ("c: let through", "c: recorded a failure", "c: open: 1 failures in a row", "c: rejected (known from"):
        assert told in done.stderr
