"""Many processes rush at a circuit in HALF_OPEN, round after round, and are killed in the middle of a probe.

A few rounds in a normal run; ``BREAKWATER_PROBERS=64 BREAKWATER_ROUNDS=1000`` for a night.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import time
from collections.abc import Callable
from multiprocessing.process import BaseProcess

import pytest
import redis

from breakers import CircuitBreakerRegistry, CircuitOpenError, CircuitState
from breakers.operations import TOKEN
from tests.conftest import RedisServer

PROBERS = int(os.environ.get("BREAKWATER_PROBERS", "8"))
ROUNDS = int(os.environ.get("BREAKWATER_ROUNDS", "40"))
PLACES = 2
# Seconds: how long a killed probe may hold its place, and what it may take a crowd of processes on a busy machine to
# notice that a place is free.
LEASE, NOTICING = 0.5, 10.0
# One round in so many ends with the death of every probe inside; in as many others somebody dies wherever he is.
KILLED_IN = 10

# Who comes in, and how many are inside at this very moment. By generation: a probe of an earlier one may still be on
# its way out, and means nothing any more.
ENTER = """
redis.call('HSET', KEYS[1], ARGV[1], 1)
local inside = redis.call('HLEN', KEYS[1])
if inside > tonumber(redis.call('GET', KEYS[2]) or '0') then
  redis.call('SET', KEYS[2], inside)
end
redis.call('INCR', KEYS[3])
return redis.call('LPOP', KEYS[4]) and redis.call('RPUSH', KEYS[5], ARGV[1]) or 0
"""


def probe_round_after_round(url: str) -> None:
    """Wait for a round to begin, then try to get in until the circuit is closed again."""
    client = redis.Redis.from_url(url)
    registry = CircuitBreakerRegistry(client)
    me = str(os.getpid())
    last = "0"
    client.incr("ready")
    while True:
        for _, entries in client.xread({"rounds": last}, block=1000) or ():
            last = entries[-1][0]
            while not got_through(client, registry, me):
                time.sleep(random.uniform(0, 0.002))


def got_through(client: redis.Redis, registry: CircuitBreakerRegistry, me: str) -> bool:
    """One attempt; whether the circuit let it through as a call, no longer as a probe."""
    guard = registry.guard("probed")
    try:
        with guard:
            generation, permit = TOKEN.unpack(guard._token or b"")
            if not permit:
                return True
            inside = f"inside:{generation}"
            if client.eval(ENTER, 5, inside, "most", "probes", "dooms", "doomed", me):
                time.sleep(60)  # to be killed in here
            time.sleep(random.uniform(0, 0.003))
            client.hdel(inside, me)
    except CircuitOpenError:
        pass
    return False


class Crowd:
    """The processes. One that was killed is replaced."""

    def __init__(self, url: str, client: redis.Redis) -> None:
        # Forked from a server that has imported everything: a new process takes milliseconds.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([__name__])
        self._url = url
        self._client = client
        self._processes: dict[int, BaseProcess] = {}
        self.deaths = 0
        for _ in range(PROBERS):
            self.grow()

    def grow(self) -> None:
        process = self._context.Process(target=probe_round_after_round, args=(self._url,), daemon=True)
        process.start()
        assert process.pid is not None
        self._processes[process.pid] = process

    def kill(self, pid: int) -> None:
        process = self._processes.pop(pid)
        process.kill()
        process.join(60)
        for inside in self._client.scan_iter("inside:*"):
            self._client.hdel(inside, str(pid))
        self.deaths += 1
        self.grow()

    def kill_somebody(self) -> None:
        self.kill(random.choice(list(self._processes)))

    def end(self) -> None:
        for process in self._processes.values():
            process.kill()
        for process in self._processes.values():
            process.join(60)


def until(condition: Callable[[], bool], seconds: float = 120) -> float:
    """Wait for a condition; the seconds it took."""
    began = time.monotonic()
    while not condition():
        assert time.monotonic() < began + seconds
        time.sleep(0.003)
    return time.monotonic() - began


@pytest.mark.timeout(600 + 2 * ROUNDS)
def test_never_more_probes_inside_than_allowed_though_some_are_killed(
    redis_server: RedisServer, redis_client: redis.Redis
) -> None:
    registry = CircuitBreakerRegistry(
        redis_client, failure_threshold=1, recovery_timeout=0.02, half_open_max_calls=PLACES, success_threshold=4,
        probe_seconds=LEASE,
    )  # fmt: skip
    number = lambda key: int(redis_client.get(key) or 0)  # noqa: E731 – read everywhere
    is_closed = lambda: registry.states("probed")["probed"].state is CircuitState.CLOSED  # noqa: E731
    stuck: list[float] = []
    crowd = Crowd(redis_server.url, redis_client)
    try:
        until(lambda: number("ready") == PROBERS, seconds=120 + PROBERS)
        for turn in range(ROUNDS):
            if turn % KILLED_IN == 0:
                redis_client.rpush("dooms", *range(PLACES))
            registry.record("probed", failed=True)
            redis_client.xadd("rounds", {"turn": turn}, maxlen=10)
            if turn % KILLED_IN == 0:
                until(lambda: redis_client.llen("doomed") == PLACES)
                for pid in redis_client.lrange("doomed", 0, -1):
                    crowd.kill(int(pid))
                redis_client.delete("doomed")
                # Where it took so long to kill them that their leases had ended, others have closed it meanwhile.
                seen = number("probes")
                stuck.append(until(lambda seen=seen: number("probes") > seen or is_closed()))  # type: ignore[misc]
            elif turn % KILLED_IN == KILLED_IN // 2:
                crowd.kill_somebody()
            until(is_closed)
    finally:
        crowd.end()
    print(
        f"{PROBERS} processes, {ROUNDS} rounds, {number('probes')} probes, {crowd.deaths} deaths: at most "
        f"{number('most')} of {PLACES} inside; stuck for {max(stuck):.3f} s at most, lease {LEASE} s"
    )
    assert number("most") == PLACES
    assert max(stuck) < LEASE + NOTICING
    opened = registry.get("probed").get_metrics()["circuit_open_count"]
    assert opened >= ROUNDS
    registry.close()
