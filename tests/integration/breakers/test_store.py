"""Redis away, hanging, read-only, loading, restarted, clustered: no call waits, and all is well again by itself."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from breakers import (
    CallRecorded,
    CallRejected,
    CircuitBreakerRegistry,
    CircuitOpenError,
    CircuitState,
    StoreBack,
    StoreLost,
    StoreUnavailable,
)
from tests.conftest import RedisServer, free_port

# Seconds that a call may take once Redis is known to be away.
SHORT = 0.05


def until(condition: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


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
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=0.3)
    circuit = registry.get("c")
    circuit.call(int)
    heard: list[StoreLost | StoreBack] = []
    registry.on(StoreLost, heard.append)
    registry.on(StoreBack, heard.append)
    stopped()
    assert seconds_of(lambda: circuit.call(int)) < 1.5
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
        registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=0.3)
        circuit = registry.get("c")
        await circuit.execute(asyncio.sleep, 0)
        stopped()
        began = time.monotonic()
        await asyncio.gather(*(circuit.execute(asyncio.sleep, 0) for _ in range(50)))
        assert time.monotonic() - began < 1.5
        began = time.monotonic()
        await circuit.execute(asyncio.sleep, 0)
        assert time.monotonic() - began < SHORT
        os.kill(own_redis.pid, signal.SIGCONT)
        deadline = time.monotonic() + 10
        while registry._gate.outage.lasts:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.01)
        await circuit.execute(asyncio.sleep, 0)
        assert await asyncio.to_thread(lambda: circuit.get_metrics()["executions"]) >= 2
        await registry.aclose()

    asyncio.run(story())


def test_rejecting_instead_is_a_choice(own_redis: RedisServer) -> None:
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=0.3, on_store_error="reject")
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
        assert seconds_of(lambda: circuit.call(int)) < 1.0
    assert registry.store_errors == 3
    client.replicaof("no", "one")
    circuit.call(int)
    assert circuit.get_metrics()["executions"] == 2
    registry.close()


@contextlib.contextmanager
def server(folder: Path, *arguments: str) -> Iterator[int]:
    """A redis-server with other arguments than the tests' usual one; its port."""
    # A cluster's second port is this one + 10,000.
    port = next(port for port in iter(free_port, None) if port < 55_000)
    binary = shutil.which("redis-server")
    assert binary is not None
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        until(lambda: is_listening(port))
        yield port
    finally:
        process.kill()
        process.wait(10)


def is_listening(port: int) -> bool:
    try:
        redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).ping()
    except redis.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False
    return True


def test_a_redis_that_is_still_loading_counts_as_away_until_it_has_loaded(tmp_path: Path) -> None:
    with server(tmp_path) as port:
        client = redis.Redis(port=port)
        client.mset({f"key-{number}": number for number in range(1200)})
        client.save()
    # Microseconds for each key: some four seconds in all.
    with server(tmp_path, "--key-load-delay", "3000", "--loading-process-events-interval-bytes", "1024") as port:
        registry = CircuitBreakerRegistry(redis.Redis(port=port), timeout=0.3)
        registry.get("c").call(int)
        assert registry.store_errors == 1
        until(lambda: not registry._gate.outage.lasts, seconds=30)
        registry.get("c").call(int)
        assert registry.get("c").get_metrics()["executions"] == 1
        registry.close()


def exercise(registry: CircuitBreakerRegistry) -> None:
    """The whole way of a circuit, sync and async, over whatever connection the registry has."""
    circuit = registry.get("c", failure_threshold=1, recovery_timeout=60.0)
    circuit.call(int)
    with registry.guard("a", "b", "c"):
        pass

    async def story() -> None:
        await circuit.execute(asyncio.sleep, 0)
        await registry.aclose()

    asyncio.run(story())
    registry.record("c", failed=True)
    with pytest.raises(CircuitOpenError):
        circuit.call(int)
    circuit.reset()
    assert registry.states("a", "c")["c"].state is CircuitState.CLOSED
    assert circuit.get_metrics()["executions"] == 4
    assert [event.name for event in registry.history()] == ["c", "c"]
    assert registry.store_errors == 0
    registry.close()


def test_all_circuits_of_a_registry_are_in_one_slot_of_a_cluster(tmp_path: Path) -> None:
    with server(tmp_path, "--cluster-enabled", "yes") as port:
        redis.Redis(port=port).execute_command("CLUSTER", "ADDSLOTS", *range(16384))
        until(lambda: b"cluster_state:ok" in redis.Redis(port=port).execute_command("CLUSTER", "INFO"))
        exercise(CircuitBreakerRegistry(redis.RedisCluster(host="127.0.0.1", port=port)))


def test_any_client_of_redis_py_will_do(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    clients = [
        redis.Redis.from_url(redis_server.url, decode_responses=True, protocol=3),
        redis.Redis.from_url(redis_server.url, protocol=2, db=1),
        redis.asyncio.Redis.from_url(redis_server.url),
    ]
    for number, client in enumerate(clients):
        exercise(CircuitBreakerRegistry(client, prefix=f"client-{number}"))


def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with server(tmp_path, "--unixsocket", str(path)):
        exercise(CircuitBreakerRegistry.from_url(f"unix://{path}"))


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
