"""Redis away, hanging, read-only, restarted: no call waits, and all is well again by itself. Also: test_servers.py."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable, Iterator

import pytest
import redis

from breakers import (
    CallRecorded,
    CallRejected,
    CircuitBreakerRegistry,
    CircuitOpenError,
    StoreBack,
    StoreLost,
    StoreUnavailable,
)
from tests.conftest import RedisServer, free_port
from tests.farms import until

# Seconds that a first call waits for a Redis that hangs, and that a call may take once it is known to be away.
TIMEOUT, SHORT = 1.0, 0.5


def seconds_of(call: Callable[[], object]) -> float:
    began = time.monotonic()
    call()
    return time.monotonic() - began


@pytest.fixture
def stopped(own_redis: RedisServer) -> Iterator[Callable[[], None]]:
    """A server that accepts connections and never answers, once the fixture is called; it goes on at the end."""
    yield lambda: os.kill(own_redis.pid, signal.SIGSTOP)
    os.kill(own_redis.pid, signal.SIGCONT)


def test_a_hanging_redis_delays_one_call_only_and_is_told_once(
    own_redis: RedisServer, stopped: Callable[[], None], caplog: pytest.LogCaptureFixture
) -> None:
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=TIMEOUT)
    circuit = registry.get("c")
    circuit.call(int)
    heard: list[StoreLost | StoreBack] = []
    registry.on(StoreLost, heard.append)
    registry.on(StoreBack, heard.append)
    stopped()
    assert seconds_of(lambda: circuit.call(int)) < 3 * TIMEOUT
    assert max(seconds_of(lambda: circuit.call(int)) for _ in range(50)) < SHORT
    with pytest.raises(StoreUnavailable):
        registry.states("c")
    registry.record("c", failed=True)
    assert [record.message for record in caplog.records if "Redis is away" in record.message] != []
    assert len(caplog.records) == 1
    os.kill(own_redis.pid, signal.SIGCONT)
    until(lambda: any(isinstance(event, StoreBack) for event in heard))
    assert [type(event) for event in heard] == [StoreLost, StoreBack]
    circuit.call(int)
    metrics = registry.get_metrics()
    assert (metrics["store_errors"], metrics["unguarded_calls"]) == (1, 51)
    registry.close()


def test_a_hanging_redis_delays_no_task_of_an_event_loop(own_redis: RedisServer, stopped: Callable[[], None]) -> None:
    async def story() -> None:
        registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=TIMEOUT)
        circuit = registry.get("c")
        await circuit.execute(asyncio.sleep, 0)
        stopped()
        began = time.monotonic()
        await asyncio.gather(*(circuit.execute(asyncio.sleep, 0) for _ in range(50)))
        assert time.monotonic() - began < 3 * TIMEOUT
        began = time.monotonic()
        await circuit.execute(asyncio.sleep, 0)
        assert time.monotonic() - began < SHORT
        os.kill(own_redis.pid, signal.SIGCONT)
        deadline = time.monotonic() + 60
        while registry._gate.outage.lasts:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await circuit.execute(asyncio.sleep, 0)
        assert await asyncio.to_thread(lambda: circuit.get_metrics()["executions"]) >= 2
        await registry.aclose()

    asyncio.run(story())


def test_rejecting_instead_is_a_choice(own_redis: RedisServer) -> None:
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=TIMEOUT, on_store_error="reject")
    own_redis.stop()
    for _ in range(3):
        with pytest.raises(StoreUnavailable, match="nothing is known of c"):
            registry.get("c").call(int)
    own_redis.start()
    until(lambda: not registry._gate.outage.lasts)
    registry.get("c").call(int)
    registry.close()


def test_a_dropped_connection_costs_no_call(redis_client: redis.Redis) -> None:
    async def story() -> None:
        registry = CircuitBreakerRegistry(redis_client)
        circuit = registry.get("c")
        for _ in range(3):
            circuit.call(int)
            await circuit.execute(asyncio.sleep, 0)
            redis_client.client_kill_filter(skipme=True)
        assert circuit.get_metrics()["executions"] == 6
        assert registry.store_errors == 0
        await registry.aclose()

    asyncio.run(story())


def test_a_call_under_way_survives_a_restart_of_redis(own_redis: RedisServer) -> None:
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url))
    with registry.guard("c"):
        own_redis.stop()
        own_redis.start()
    assert registry.get("c").get_metrics()["successes"] == 1
    registry.close()


def test_a_replica_refuses_writes_without_harm_until_it_is_promoted(own_redis: RedisServer) -> None:
    client = redis.Redis.from_url(own_redis.url)
    registry = CircuitBreakerRegistry(client)
    circuit = registry.get("c")
    circuit.call(int)
    client.replicaof("127.0.0.1", free_port())
    for _ in range(3):
        assert seconds_of(lambda: circuit.call(int)) < 5.0
    assert registry.store_errors == 3
    client.replicaof("no", "one")
    circuit.call(int)
    assert circuit.get_metrics()["executions"] == 2
    registry.close()


def test_what_this_process_does_is_told_to_its_listeners(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, failure_threshold=1)
    recorded: list[CallRecorded] = []
    rejected: list[CallRejected] = []
    registry.on(CallRecorded, recorded.append)
    remove = registry.on(CallRejected, rejected.append)
    registry.get("c").call(int)
    registry.record("c", failed=True, seconds=2.0)
    for _ in range(2):
        with pytest.raises(CircuitOpenError):
            registry.get("c").call(int)
        remove()
    assert [(event.failed, event.names) for event in recorded] == [(False, ("c",)), (True, ("c",))]
    assert recorded[1].seconds == 2.0
    assert [set(event.waits) for event in rejected] == [{"c"}]
    registry.close()
