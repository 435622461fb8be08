"""Whose failure it is: one worker's alone, or that of what many share."""

from __future__ import annotations

import pytest
import redis

from breakers import CircuitBreakerRegistry
from tests.integration.breakers.steered import SteeredClock, SteeredRegistry


def until_half_open(registry: CircuitBreakerRegistry, clock: SteeredClock, name: str) -> None:
    clock.advance(registry.states(name)[name].retry_after)


def fail_guarded(registry: CircuitBreakerRegistry, suspect: str, *others: str) -> None:
    with registry.guard(suspect, *others) as guard:
        guard.suspect(suspect)
        guard.fail()


def states_of(registry: CircuitBreakerRegistry, *names: str) -> list[str]:
    return [view.state.value for view in registry.states(*names).values()]


def test_a_sick_one_of_many_opens_its_own_circuit_only(redis_client: redis.Redis) -> None:
    registry = SteeredRegistry(redis_client, failure_threshold=3)
    clock = SteeredClock(redis_client, "breakwater")
    for _ in range(3):
        fail_guarded(registry, "worker:sick", "browser:chrome")
    assert states_of(registry, "worker:sick", "browser:chrome") == ["open", "closed"]
    for _ in range(3):
        until_half_open(registry, clock, "worker:sick")
        fail_guarded(registry, "worker:sick", "browser:chrome")  # its probes
    assert states_of(registry, "worker:sick", "browser:chrome") == ["open", "closed"]
    assert registry.metrics_of("browser:chrome")["failures"] == 2


def test_trouble_that_many_have_opens_what_they_share_and_its_probes_blame_nobody(redis_client: redis.Redis) -> None:
    registry = SteeredRegistry(redis_client, failure_threshold=3)
    clock = SteeredClock(redis_client, "breakwater")
    for worker in ("worker:a", "worker:b", "worker:a"):
        fail_guarded(registry, worker, "browser:chrome")
    assert states_of(registry, "browser:chrome") == ["open"]
    for _ in range(3):
        until_half_open(registry, clock, "browser:chrome")
        fail_guarded(registry, "worker:a", "browser:chrome")
    assert states_of(registry, "worker:a", "worker:b", "browser:chrome") == ["closed", "closed", "open"]
    assert registry.metrics_of("worker:a")["failures"] == 2


def test_a_suspect_is_one_of_the_guards_circuits(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client)
    with registry.guard("a") as guard, pytest.raises(ValueError, match="'b' is none of this guard's circuits: a"):
        guard.suspect("b")
