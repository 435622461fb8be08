"""What circuits cost, each figure a ratio of two things measured in turn in one run: a table, and JSON for machines.

    python -m tests.benchmarks.circuits [--seconds S] [--json FILE]

Not a test: nothing fails here. Times are this machine's; the ratios are what the targets are about.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import NamedTuple

import pybreaker
import redis

from breakers import CircuitBreakerRegistry, CircuitOpenError
from tests.conftest import RedisServer

CIRCUITS = ("browser:chrome", "worker:w1", "task:text")
# Calls in one turn: long enough for the clock, short enough that a noisy moment meets both sides.
TURN = 150
TASKS = 100
WATCHERS = 4
RESETS = 60


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str
    target: str = ""


def microseconds(call: Callable[[], object], times: int = TURN) -> float:
    """Mean time of one call."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times * 1e6


def in_turns(calls: Sequence[Callable[[], object]], seconds: float) -> list[list[float]]:
    """Time calls in turns until ``seconds`` are over; for each call its times, the same number for all."""
    for call in calls:
        microseconds(call)
    times: list[list[float]] = [[] for _ in calls]
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(times[0]) < 5:
        for call, seen in zip(calls, times, strict=True):
            seen.append(microseconds(call))
    return times


def ratio(ours: list[float], theirs: list[float]) -> float:
    """Median of the ratios of neighbouring turns."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def guard_cost(
    client: redis.Redis, registry: CircuitBreakerRegistry, seconds: float, append_only: str
) -> Iterator[Figure]:
    """Three healthy circuits, in and out, beside two PINGs and beside pybreaker's three."""
    client.config_set("appendonly", append_only)
    mode = f"append-only file: {append_only}"
    theirs = [
        pybreaker.CircuitBreaker(
            name=name, state_storage=pybreaker.CircuitRedisStorage("closed", client, namespace=f"pybreaker-{name}")
        )
        for name in CIRCUITS
    ]

    def two_pings() -> None:
        client.ping()
        client.ping()

    def guarded() -> None:
        with registry.guard(*CIRCUITS):
            pass

    def nested() -> None:
        first, second, third = theirs
        first.call(second.call, third.call, int)

    pings, guards, nests = in_turns([two_pings, guarded, nested], seconds)
    yield Figure(f"two PINGs (redis-py client), {mode}", statistics.median(pings), "µs")
    yield Figure(f"guard of three healthy circuits, {mode}", statistics.median(guards), "µs")
    yield Figure(f"three nested pybreaker circuits, {mode}", statistics.median(nests), "µs")
    yield Figure(f"guard / two PINGs, {mode}", ratio(guards, pings), "×", "≤ 1.25")
    yield Figure(f"pybreaker / guard, {mode}", ratio(nests, guards), "×", "≥ 2.5")


def rejection_cost(client: redis.Redis, registry: CircuitBreakerRegistry, seconds: float) -> Iterator[Figure]:
    """A call while a circuit is open, beside a PING."""
    registry.force_open("open")

    def rejected() -> None:
        with contextlib.suppress(CircuitOpenError), registry.guard("open"):
            raise AssertionError("the call was made")

    pings, rejections = in_turns([client.ping, rejected], seconds)
    yield Figure("rejected call while OPEN", statistics.median(rejections), "µs")
    yield Figure("rejected call / PING", ratio(rejections, pings), "×", "≤ 0.05")


def flatness(client: redis.Redis, registry: CircuitBreakerRegistry, seconds: float) -> Iterator[Figure]:
    """The same guard with other windows, and among other numbers of circuits."""
    names = {size: f"window-{size}" for size in (10, 100, 1_000, 10_000)}
    for size, name in names.items():
        rated = registry.get(name, metrics_window_size=size, failure_rate_threshold=0.5)
        for _ in range(size):
            rated.call(int)
    calls = [lambda name=name: registry.get(name).call(int) for name in names.values()]
    turns = in_turns(calls, seconds)
    for size, times in zip(names, turns, strict=True):
        yield Figure(f"one circuit, full window of {size:,}", statistics.median(times), "µs")
    yield Figure("window 10,000 / window 10", ratio(turns[-1], turns[0]), "×", "flat")

    among = {}
    for count in (10, 100, 1_000, 10_000):
        for number in range(count):
            if number >= count // 10 or count == 10:
                registry.record(f"crowd-{number}", failed=False)
        among[count] = statistics.median(in_turns([lambda: registry.get("crowd-3").call(int)], seconds / 4)[0])
        yield Figure(f"one circuit among {count:,}", among[count], "µs")
    yield Figure("among 10,000 / among 10", among[10_000] / among[10], "×", "flat")
    began = time.perf_counter()
    known = len(registry.get_metrics()["circuits"])
    yield Figure(f"metrics of all {known:,} circuits, one trip", (time.perf_counter() - began) * 1e3, "ms")


def async_rate(registry: CircuitBreakerRegistry, seconds: float) -> Iterator[Figure]:
    """Calls a second by 100 tasks of one event loop, beside those of one thread."""

    async def one_task(calls: int) -> None:
        for _ in range(calls):
            async with registry.guard(*CIRCUITS):
                pass

    async def tasks() -> float:
        calls = 20
        await asyncio.gather(*(one_task(1) for _ in range(TASKS)))
        began = time.perf_counter()
        await asyncio.gather(*(one_task(calls) for _ in range(TASKS)))
        rate = TASKS * calls / (time.perf_counter() - began)
        await registry.aclose()
        return rate

    def thread() -> float:
        def guarded() -> None:
            with registry.guard(*CIRCUITS):
                pass

        return 1e6 / microseconds(guarded, 2000)

    sync_rates, async_rates = [], []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends or len(sync_rates) < 3:
        sync_rates.append(thread())
        async_rates.append(asyncio.run(tasks()))
    yield Figure("guards a second, one thread", statistics.median(sync_rates), "/s")
    yield Figure(f"guards a second, {TASKS} tasks of one loop", statistics.median(async_rates), "/s")
    yield Figure("async / sync", ratio(async_rates, sync_rates), "×", "≥ 0.8")


def watch(url: str, pipe: Connection) -> None:
    """A process that tries a circuit until it lets calls through, and tells when."""
    circuit = CircuitBreakerRegistry.from_url(url).get("watched")
    while pipe.recv():
        with contextlib.suppress(CircuitOpenError):
            circuit.call(int)
        pipe.send(None)
        while True:
            try:
                circuit.call(int)
            except CircuitOpenError:
                time.sleep(0.001)
            else:
                break
        pipe.send(time.monotonic())


def reset_delay(url: str, registry: CircuitBreakerRegistry) -> Iterator[Figure]:
    """From a reset until other processes let calls through."""
    context = multiprocessing.get_context("spawn")
    pipes, processes = [], []
    for _ in range(WATCHERS):
        ours, its = context.Pipe()
        process = context.Process(target=watch, args=(url, its), daemon=True)
        process.start()
        pipes.append(ours)
        processes.append(process)
    delays = []
    for _ in range(RESETS):
        registry.force_open("watched")
        for pipe in pipes:
            pipe.send(True)
        for pipe in pipes:
            pipe.recv()
        began = time.monotonic()
        registry.reset("watched")
        delays += [pipe.recv() - began for pipe in pipes]
    for pipe, process in zip(pipes, processes, strict=True):
        pipe.send(False)
        process.join(10)
    ordered = sorted(delays)
    yield Figure(f"reset seen by {WATCHERS} other processes, p50", statistics.median(ordered) * 1e3, "ms")
    yield Figure("reset seen, p99", ordered[int(0.99 * len(ordered))] * 1e3, "ms", "≤ 500")


def main() -> None:
    """Measure everything and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=4.0, help="for each comparison (default 4)")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            client = redis.Redis.from_url(server.url)
            registry = CircuitBreakerRegistry(client)
            figures = [
                *guard_cost(client, registry, options.seconds, "yes"),
                *guard_cost(client, registry, options.seconds, "no"),
                *rejection_cost(client, registry, options.seconds),
                *async_rate(registry, options.seconds),
                *reset_delay(server.url, registry),
                *flatness(client, registry, options.seconds),
            ]
            registry.close()
        finally:
            server.stop()
    for figure in figures:
        print(f"{figure.what:<56} {figure.value:>10,.3f} {figure.unit:<3} {figure.target}")
    report = {"figures": [figure._asdict() for figure in figures]}
    if options.json:
        options.json.write_text(json.dumps(report, indent=2, ensure_ascii=False))
    else:
        print(json.dumps(report, ensure_ascii=False))


if __name__ == "__main__":
    main()
