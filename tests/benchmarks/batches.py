"""What batches cost, each figure a ratio of two things measured in turn in one run: a table, and JSON for machines.

    python -m tests.benchmarks.batches [publish] [memory] [idle] [whole] [killed] [--json FILE]

Not a test: nothing fails here. Times are this machine's; the ratios are what the targets are about.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import redis
from celery import Celery, group

from jobs.batches import BatchHeader, BatchStore
from jobs.batches.events import Claimed
from jobs.connections import connect
from jobs.specs import TestSpec
from tests.conftest import RedisServer
from tests.farms import Worker, until
from tests.integration.farm.conftest import QuickFarm
from tests.quick_jobs import STAMPS

TASK = "tests.quick_jobs.stamp"
# Tests of one publish, and turns of each comparison.
PUBLISHED, TURNS = 10_000, 3
# Starts on an idle worker; nodes killed; seconds that a killed node's plain Celery task is waited for.
STARTS, KILLS, PATIENCE = 60, 6, 30.0
# Tests of a small batch and of a large one, which takes some minutes; small ones run before it and after it.
SMALL, LARGE = 1_000, 100_000


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str
    target: str = ""


def specs(count: int, name: str = "t") -> Iterator[TestSpec]:
    """Tests without a browser, one by one."""
    first = TestSpec.model_validate(
        {
            "id": f"{name}-0",
            "browser": "chrome",
            "model": "bert-base-uncased",
            "model_type": "text",
            "platform": "wasm",
            "simulate": True,
        }
    )
    return (first.model_copy(update={"id": f"{name}-{number}"}) for number in range(count))


def header(batch: str) -> BatchHeader:
    return BatchHeader(id=batch, name=batch, created_at=time.time(), allow=frozenset({"simulated"}))


def seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def plain(url: str) -> Celery:
    """Celery as anybody has it."""
    return Celery(broker=url, set_as_current=False)


def publish(url: str) -> Iterator[Figure]:
    """Ours beside ``group().apply_async()``, in turn, each into an empty Redis."""
    client = connect(url)
    store, app = BatchStore(client), plain(url)

    def theirs() -> None:
        signature = app.signature(TASK, queue="simulation", ignore_result=True)
        group(signature.clone() for _ in range(PUBLISHED)).apply_async()

    ours_rates, their_rates = [], []
    for turn in range(TURNS):
        client.flushall()
        their_rates.append(PUBLISHED / seconds(theirs))
        client.flushall()
        tests = list(specs(PUBLISHED))
        ours_rates.append(PUBLISHED / seconds(lambda tests=tests, turn=turn: store.publish(header(f"b{turn}"), tests)))
    yield Figure(f"publish of {PUBLISHED:,} tests", statistics.median(ours_rates), "/s")
    yield Figure(f"group().apply_async() of {PUBLISHED:,} tasks", statistics.median(their_rates), "/s")
    ratio = statistics.median(ours / theirs for ours, theirs in zip(ours_rates, their_rates, strict=True))
    yield Figure("publish / group().apply_async()", ratio, "×", "≥ 20")
    costs = {}
    for count in (1_000, 10_000, 100_000):
        turns = []
        for turn in range(TURNS):
            client.flushall()
            tests = list(specs(count))
            turns.append(seconds(lambda tests=tests, turn=turn: store.publish(header(f"c{turn}"), tests)) / count)
        costs[count] = statistics.median(turns)
        yield Figure(f"publish, per test, of {count:,}", costs[count] * 1e6, "µs")
    yield Figure("publish, per test, 100,000 / 1,000", costs[100_000] / costs[1_000], "×", "≤ 1.1")


MEMORY = """
import pathlib, sys
from jobs.batches import BatchStore
from jobs.connections import connect
from tests.benchmarks.batches import header, specs
BatchStore(connect(sys.argv[1])).publish(header("m"), specs(int(sys.argv[2])))
status = pathlib.Path("/proc/self/status").read_text()
print(status.split("VmHWM:")[1].split()[0])
"""


def memory(url: str) -> Iterator[Figure]:
    """A client's largest resident memory while it publishes a generator, each size in a process of its own."""
    peaks = {}
    for count in (1_000, 100_000, 1_000_000):
        redis.Redis.from_url(url).flushall()
        ran = subprocess.run(
            [sys.executable, "-c", MEMORY, url, str(count)], check=True, stdout=subprocess.PIPE, text=True, timeout=600
        )
        peaks[count] = int(ran.stdout) / 1024
        yield Figure(f"peak memory of a client that publishes {count:,}", peaks[count], "MiB")
    yield Figure("peak memory, 1,000,000 / 1,000", peaks[1_000_000] / peaks[1_000], "×", "flat")
    redis.Redis.from_url(url).flushall()


def idle(url: str, folder: Path) -> Iterator[Figure]:
    """From enqueue to the first line of the test, on a worker that has nothing to do, beside plain Celery's."""
    client = redis.Redis.from_url(url)
    client.flushall()
    farm = QuickFarm(url, folder)
    worker = farm.worker("idle")
    farm.client.at_work(worker)
    app = plain(url)

    def started_after(enqueue: Callable[[], object]) -> float:
        began = time.time()
        enqueue()
        _, stamp = client.blpop(STAMPS, timeout=20)
        return float(stamp) - began

    try:
        ours, theirs = [], []
        for number in range(STARTS):
            publish_one = lambda number=number: farm.store.publish(header(f"i{number}"), specs(1, "stamp"))  # noqa: E731
            ours.append(started_after(publish_one))
            theirs.append(started_after(lambda: app.send_task(TASK, queue="simulation", ignore_result=True)))
    finally:
        farm.end()
    yield Figure("enqueue → start, p50", statistics.median(ours) * 1e3, "ms")
    yield Figure("enqueue → start, plain Celery, p50", statistics.median(theirs) * 1e3, "ms")
    yield Figure(
        "enqueue → start, ours / plain Celery", statistics.median(ours) / statistics.median(theirs), "×", "≤ 2"
    )


def whole(url: str, folder: Path) -> Iterator[Figure]:
    """Enqueue, run and verdict, by one worker of two processes: cost per test of a large batch beside a small one."""
    client = redis.Redis.from_url(url)
    client.flushall()
    farm = QuickFarm(url, folder)
    worker = farm.worker("whole", "--concurrency", "2", "--loglevel", "WARNING")
    farm.client.at_work(worker)
    costs: dict[int, list[float]] = {SMALL: [], LARGE: []}

    def cost(count: int, batch: str) -> float:
        def run() -> None:
            farm.store.publish(header(batch), specs(count))
            until(lambda: farm.store.progress(batch).finished, 1200)

        return seconds(run) / count

    try:
        cost(200, "warm")
        for turn, count in enumerate((SMALL, SMALL, SMALL, LARGE, SMALL, SMALL, SMALL)):
            costs[count].append(cost(count, f"w{turn}"))
    finally:
        farm.end()
    small, large = statistics.median(costs[SMALL]), costs[LARGE][0]
    yield Figure(f"enqueue, run, verdict, per test, of {SMALL:,}", small * 1e3, "ms")
    yield Figure(f"enqueue, run, verdict, per test, of {LARGE:,}", large * 1e3, "ms")
    yield Figure(f"the same, {LARGE:,} / {SMALL:,}", large / small, "×", "≤ 1.1")


def killed(url: str, folder: Path) -> Iterator[Figure]:
    """A worker node killed with -9 in the middle of a test, until that starts elsewhere; with the default lease."""
    client = redis.Redis.from_url(url, socket_timeout=PATIENCE + 10)
    client.flushall()
    farm = QuickFarm(url, folder)
    waits = []
    try:
        # Each node stays for the next one's death, and then dies itself.
        doomed = farm.worker("node0", lease="6")
        farm.client.at_work(doomed)
        for number in range(KILLS):
            batch = f"k{number}"
            farm.store.publish(header(batch), [next(specs(1)).model_copy(update={"id": f"sleep-15000-{number}"})])

            def claims(batch: str = batch) -> list[Claimed]:
                return [event for event in farm.store.events(batch) if isinstance(event, Claimed)]

            until(lambda: bool(claims()), 20)
            staying = farm.worker(f"node{number + 1}", lease="6")
            farm.client.at_work(staying)
            began = time.time()
            doomed.end()
            until(lambda: len(claims()) > 1, 60)
            waits.append(claims()[1].at - began)
            farm.store.cancel(batch)
            until(lambda batch=batch: farm.store.progress(batch).finished, 60)
            doomed = staying
        yield from _summed_up(waits)
        theirs = _killed_plainly(farm, client, doomed)
    finally:
        farm.end()
    yield Figure(f"the same, plain Celery (waited for {PATIENCE:.0f} s)", theirs, "s")


def _summed_up(waits: list[float]) -> Iterator[Figure]:
    yield Figure("node killed → test starts elsewhere, p50", statistics.median(waits), "s")
    yield Figure(f"node killed → test starts elsewhere, worst of {KILLS}", max(waits), "s", "p95 ≤ 10")


def _killed_plainly(farm: QuickFarm, client: redis.Redis, doomed: Worker) -> float:
    """Celery's own task in the same farm; ``inf``: it did not start again while we waited."""
    plain(farm.url).send_task("tests.quick_jobs.sleep", (60,), queue="simulation", ignore_result=True)
    client.blpop(STAMPS, timeout=20)
    farm.client.at_work(farm.worker("staying-plainly"))
    began = time.time()
    doomed.end()
    stamp: Any = client.blpop(STAMPS, timeout=int(PATIENCE))
    return float(stamp[1]) - began if stamp else float("inf")


def main() -> None:
    """Measure what is asked for, or everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = ("publish", "memory", "idle", "whole", "killed")
    parser.add_argument("parts", nargs="*", help=f"any of {', '.join(parts)}")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    figures: list[Figure] = []
    with tempfile.TemporaryDirectory(prefix="bw") as name:
        folder = Path(name)
        server = RedisServer(folder)
        server.start()
        measured = {
            "publish": lambda: publish(server.url),
            "memory": lambda: memory(server.url),
            "idle": lambda: idle(server.url, folder / "idle"),
            "whole": lambda: whole(server.url, folder / "whole"),
            "killed": lambda: killed(server.url, folder / "killed"),
        }
        try:
            for part in options.parts or parts:
                for figure in measured[part]():
                    figures.append(figure)
                    print(f"{figure.what:<62} {figure.value:>12,.3f} {figure.unit:<4} {figure.target}", flush=True)
        finally:
            server.stop()
    if options.json:
        options.json.write_text(json.dumps([figure._asdict() for figure in figures], indent=2, ensure_ascii=False))


if __name__ == "__main__":
    main()
