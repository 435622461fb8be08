"""``breakwater circuits`` against a real Redis: what it shows is so, what it orders holds for every process."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from breakers import CircuitBreakerRegistry, CircuitOpenError, CircuitState
from tests.commands import Command
from tests.conftest import RedisServer
from tests.integration.conftest import Breakwater


@pytest.fixture
def registry(redis_client: redis.Redis) -> Iterator[CircuitBreakerRegistry]:
    registry = CircuitBreakerRegistry(redis_client)
    registry.get("browser:chrome").call(int)
    yield registry
    registry.close()


def test_it_lists_and_shows_what_is(breakwater_here: Breakwater, registry: CircuitBreakerRegistry) -> None:
    code, output = breakwater_here("circuits", "list")
    assert code == 0
    assert "browser:chrome" in output
    assert "closed" in output
    assert json.loads(breakwater_here("circuits", "list", "--json")[1])["browser:chrome"]["executions"] == 1
    assert json.loads(breakwater_here("circuits", "show", "browser:chrome", "--json")[1])["current_state"] == "closed"
    assert "recovery_rate" in breakwater_here("circuits", "show", "browser:chrome")[1]


def test_an_order_holds_for_other_processes(
    tmp_path: Path, redis_server: RedisServer, registry: CircuitBreakerRegistry
) -> None:
    def breakwater(*arguments: str) -> tuple[int, str]:
        with Command(["circuits", *arguments], tmp_path, {"BREAKWATER_REDIS_URL": redis_server.url}) as command:
            return command.wait(120), command.output

    assert breakwater("force-open", "browser:chrome") == (0, "browser:chrome: closed → forced_open\n")
    with pytest.raises(CircuitOpenError) as caught:
        registry.get("browser:chrome").call(int)
    assert caught.value.retry_after == math.inf
    assert breakwater("reset", "browser:chrome")[0] == 0
    assert registry.get("browser:chrome").state is CircuitState.CLOSED
    assert breakwater("disable", "browser:chrome")[0] == 0
    assert registry.get("browser:chrome").state is CircuitState.DISABLED


def test_an_unknown_circuit_is_one_line(breakwater_here: Breakwater, registry: CircuitBreakerRegistry) -> None:
    for word in ("show", "reset", "force-open", "disable"):
        code, output = breakwater_here("circuits", word, "browser:crome")
        assert code == 2
        assert "browser:chrome" in output
        assert output.count("\n") == 1


def test_without_a_farm_it_says_what_to_set(breakwater_here: Breakwater) -> None:
    code, output = breakwater_here("circuits", "list", url=None)
    assert code == 2
    assert "BREAKWATER_REDIS_URL" in output
    assert output.count("\n") == 1
