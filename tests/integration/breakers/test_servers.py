"""Servers of other kinds than the usual one: loading, behind a socket, three in a Cluster, followed by a Sentinel."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import MasterNotFoundError, Sentinel

from breakers import CircuitBreakerRegistry, CircuitOpenError, CircuitState, StoreUnavailable
from tests.conftest import RedisServer, free_port, server_binary
from tests.farms import until


@contextlib.contextmanager
def server(folder: Path, *arguments: str) -> Iterator[int]:
    """A server with other arguments than the tests' usual one; its port. It may be gone before the end."""
    # A cluster's second port is this one + 10,000.
    port = next(port for port in iter(free_port, None) if port < 55_000)
    folder.mkdir(exist_ok=True)
    usual = ["--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder)]
    process = subprocess.Popen([server_binary(), *arguments, *usual], stdout=subprocess.DEVNULL)
    try:
        until(lambda: is_listening(port))
        yield port
    finally:
        process.kill()
        process.wait(60)


def is_listening(port: int) -> bool:
    try:
        redis.Redis(port=port, retry=Retry(NoBackoff(), 0)).ping()
    except redis.BusyLoadingError:
        return True
    except redis.ConnectionError:
        return False
    return True


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
    with server(tmp_path, "--save", "", "--unixsocket", str(path)):
        exercise(CircuitBreakerRegistry.from_url(f"unix://{path}"))


def test_a_redis_that_is_still_loading_counts_as_away_until_it_has_loaded(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    # Every release answers while it loads, but old ones only after each 2 MB: so the values are large. Some 3 s in all.
    plain = ("--save", "", "--rdbcompression", "no")
    with server(tmp_path, *plain) as port:
        client = redis.Redis(port=port)
        client.mset({f"key-{number}": bytes(300_000) for number in range(150)})
        client.save()
    with server(tmp_path, *plain, "--key-load-delay", "20000") as port:
        registry = CircuitBreakerRegistry(redis.Redis(port=port), timeout=2.0)
        registry.get("c").call(int)
        assert registry.store_errors == 1
        assert "is loading the dataset" in caplog.text
        until(lambda: not registry._gate.outage.lasts)
        registry.get("c").call(int)
        assert registry.get("c").get_metrics()["executions"] == 1
        registry.close()


class Cluster:
    """Three servers that share the slots, none of them a replica."""

    def __init__(self, ports: Sequence[int]) -> None:
        self.nodes = [redis.Redis(port=port, decode_responses=True) for port in ports]
        self._moves = 0
        for number, node in enumerate(self.nodes):
            node.execute_command("CLUSTER", "ADDSLOTS", *range(number, 16384, 3))
            node.execute_command("CLUSTER", "SET-CONFIG-EPOCH", number + 1)
        for port in ports[1:]:
            self.nodes[0].execute_command("CLUSTER", "MEET", "127.0.0.1", port)
        until(lambda: all(self._is_whole(node) for node in self.nodes))
        self.client = redis.RedisCluster(host="127.0.0.1", port=ports[0])

    def _is_whole(self, node: redis.Redis) -> bool:
        info = node.execute_command("CLUSTER", "INFO")
        return "cluster_state:ok" in info and "cluster_known_nodes:3" in info

    def move_to_another_node(self, key: str) -> None:
        """Give a key's slot, and all that is in it, to the next node, as an operator who reshards does."""
        slot = self.client.keyslot(key)
        source, target, third = (self.nodes[(slot + self._moves + n) % 3] for n in range(3))
        self._moves += 1
        source_id, target_id = (node.execute_command("CLUSTER", "MYID") for node in (source, target))
        target.execute_command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id)
        source.execute_command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id)
        keys = source.execute_command("CLUSTER", "GETKEYSINSLOT", slot, 1000)
        assert keys
        port = target.connection_pool.connection_kwargs["port"]
        source.execute_command("MIGRATE", "127.0.0.1", port, "", 0, 5000, "KEYS", *keys)
        for node in (target, source, third):
            node.execute_command("CLUSTER", "SETSLOT", slot, "NODE", target_id)


def test_circuits_live_in_one_slot_of_a_cluster_and_are_found_where_it_moves(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        arguments = ("--save", "", "--cluster-enabled", "yes")
        cluster = Cluster([stack.enter_context(server(tmp_path / str(number), *arguments)) for number in range(3)])
        exercise(CircuitBreakerRegistry(cluster.client))

        registry = CircuitBreakerRegistry(cluster.client)
        events = registry._gate.operations._keys.events

        async def guarded() -> None:
            async with registry.guard("a", "b", "c"):
                pass

        async def story() -> None:
            await guarded()
            await asyncio.to_thread(cluster.move_to_another_node, events)
            await asyncio.gather(*(guarded() for _ in range(5)))
            await registry.aclose()

        with registry.guard("a", "b", "c"):
            cluster.move_to_another_node(events)
        registry.close()
        cluster.move_to_another_node(events)
        with registry.guard("a", "b", "c"):
            pass
        asyncio.run(story())
        assert registry.get("a").get_metrics()["executions"] == 1 + 1 + 1 + 6
        assert registry.store_errors == 0
        registry.close()


def test_after_a_failover_by_sentinel_circuits_are_as_they_were(tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        server_arguments = ("--save", "", "--repl-diskless-sync-delay", "0")
        lost = stack.enter_context(contextlib.ExitStack())
        first = lost.enter_context(server(tmp_path / "first", *server_arguments))
        second = stack.enter_context(
            server(tmp_path / "second", *server_arguments, "--replicaof", "127.0.0.1", str(first))
        )
        config = tmp_path / "sentinel.conf"
        config.write_text(
            f"sentinel monitor farm 127.0.0.1 {first} 1\n"
            "sentinel down-after-milliseconds farm 2000\nsentinel failover-timeout farm 3000\n"
        )
        watch = stack.enter_context(server(tmp_path / "sentinel", str(config), "--sentinel"))
        sentinel = Sentinel([("127.0.0.1", watch)], socket_timeout=5.0)
        until(lambda: bool(sentinel.discover_slaves("farm")))

        registry = CircuitBreakerRegistry(sentinel.master_for("farm"), timeout=2.0)
        registry.get("c").call(int)
        registry.force_open("forced")
        replica = redis.Redis(port=second)
        until(lambda: replica.exists("{breakwater:circuits}:state:forced") == 1)
        lost.close()
        registry.get("c").call(int)
        assert registry.store_errors > 0

        def is_led_by_second() -> bool:
            with contextlib.suppress(MasterNotFoundError):
                return sentinel.discover_master("farm")[1] == second
            return False

        # On a busy machine a Sentinel may lose sight of the new leader again for a moment: then the circuit judges
        # nothing, or can't be read, and is asked again.
        def has(executions: int) -> bool:
            with contextlib.suppress(StoreUnavailable):
                assert registry.get("forced").state is CircuitState.FORCED_OPEN
                return bool(registry.get("c").get_metrics()["executions"] == executions)
            return False

        def counts_a_call() -> bool:
            before = registry.store_errors
            registry.get("c").call(int)
            return registry.store_errors == before

        until(is_led_by_second)
        until(lambda: has(executions=1))
        until(counts_a_call)
        until(lambda: has(executions=2))
        registry.close()
