"""Processes, threads, tasks on one circuit: forked, with a wrong clock, ending, cancelled. See test_probes.py too."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest
import redis

from breakers import CircuitBreakerRegistry, CircuitOpenError, CircuitState
from tests.conftest import RedisServer
from tests.farms import until


def open_then_probing(registry: CircuitBreakerRegistry, name: str) -> None:
    """Bring a circuit to HALF_OPEN."""
    registry.record(name, failed=True)
    until(lambda: registry.states(name)[name].state is CircuitState.HALF_OPEN)


def forked(work: Callable[[], object]) -> int:
    """Do something in a forked child; its exit status."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            work()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def test_a_forked_child_starts_afresh_and_disturbs_nobody(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, failure_threshold=1, recovery_timeout=60.0)
    circuit = registry.get("c")
    circuit.call(int)
    registry.record("broken", failed=True)

    def work() -> None:
        for _ in range(20):
            circuit.call(int)
        with pytest.raises(CircuitOpenError), registry.guard("broken"):
            raise AssertionError
        asyncio.run(circuit.execute(asyncio.sleep, 0))
        until(registry._gate.follower.reading.is_set)

    children = [forked(work) for _ in range(3)]
    for _ in range(20):
        circuit.call(int)
    assert children == [0, 0, 0]
    assert circuit.get_metrics()["executions"] == 1 + 20 + 3 * 21
    registry.close()


def test_a_fork_while_redis_is_known_to_be_away_asks_it_again(own_redis: RedisServer) -> None:
    registry = CircuitBreakerRegistry(redis.Redis.from_url(own_redis.url), timeout=2.0, on_store_error="reject")
    registry.get("c").call(int)
    own_redis.stop()
    with pytest.raises(redis.RedisError):
        registry.get("c").call(int)
    own_redis.start()
    assert forked(lambda: registry.get("c").call(int)) == 0
    registry.close()


WRONG_CLOCK = """
import sys, time
real = time.time
time.time = lambda: real() + float(sys.argv[2])
from breakers import CircuitBreakerRegistry, CircuitOpenError
registry = CircuitBreakerRegistry.from_url(sys.argv[1])
try:
    registry.get("c").call(int)
except CircuitOpenError as error:
    print(error.retry_after)
else:
    print("let through")
"""


@pytest.mark.parametrize("offset", ["-3600", "3600"])
def test_a_process_whose_clock_is_wrong_sees_what_others_see(
    redis_server: RedisServer, redis_client: redis.Redis, offset: str
) -> None:
    registry = CircuitBreakerRegistry(redis_client, failure_threshold=1, recovery_timeout=300.0)

    def told() -> str:
        command = [sys.executable, "-c", WRONG_CLOCK, redis_server.url, offset]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout.strip()

    assert told() == "let through"
    registry.record("c", failed=True)
    assert 0 < float(told()) <= 300


ENDING = """
import sys
from breakers import CircuitBreakerRegistry, CircuitOpenError, StateChanged
registry = CircuitBreakerRegistry.from_url(sys.argv[1])
registry.on(StateChanged, print)
registry.get("c").force_open()
try:
    registry.get("c").call(int)
except CircuitOpenError:
    print("rejected")
"""


def test_the_following_thread_keeps_no_program_running(redis_server: RedisServer, redis_client: redis.Redis) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDING, redis_server.url], capture_output=True, text=True, timeout=60, check=True
    )
    assert "rejected" in done.stdout
    assert done.stderr == ""


def test_threads_and_loops_share_a_registry(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client)

    def thread() -> None:
        for _ in range(50):
            registry.get("c").call(int)

    def loop() -> None:
        async def calls() -> None:
            await asyncio.gather(*(registry.get("c").execute(asyncio.sleep, 0) for _ in range(50)))
            await registry.aclose()

        asyncio.run(calls())

    workers = [threading.Thread(target=work) for work in (thread, thread, loop, loop)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert registry.get("c").get_metrics()["executions"] == 200


def test_a_cancelled_task_leaves_no_permit_behind(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, failure_threshold=1, recovery_timeout=0.05)
    open_then_probing(registry, "c")

    async def story() -> None:
        circuit = registry.get("c")
        await asyncio.gather(circuit.execute(asyncio.sleep, 0), return_exceptions=True)
        for delay in range(12):
            task = asyncio.create_task(circuit.execute(asyncio.sleep, 30))
            for _ in range(delay):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
            # Closing waits for what is under way.
            await registry.aclose()
            assert registry.states("c")["c"].retry_after == 0, f"left behind after {delay} turns of the loop"

    asyncio.run(story())
    assert registry.get("c").get_metrics()["executions"] == 2
