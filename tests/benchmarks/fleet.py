"""How a fleet grows: workers of one process each over one Redis, tests that take 200 ms and need no browser.

    python -m tests.benchmarks.fleet [--sizes 1,2,4,8,16] [--seconds S] [--json FILE]

Not a test: nothing fails here. Throughput is a ratio to the ideal, every worker busy all the time. What a test costs
in Redis commands and bytes does not depend on the machine; the place where the curve bends does.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import redis

from tests.benchmarks.fleet_worker import TEST
from tests.conftest import RedisServer
from tests.farms import ROOT, FarmClient, Worker, until


class Figures(NamedTuple):
    """One size of fleet."""

    workers: int
    tests: int
    seconds: float
    per_second: float
    of_ideal: float
    commands_per_test: float
    scripted_per_test: float
    """Commands that our scripts called inside Redis, of those above."""

    bytes_in_per_test: float
    bytes_out_per_test: float
    redis_ms_per_test: float
    """Processor time."""

    workers_ms_per_test: float
    """Processor time of all worker processes."""

    busy_cores: float
    idle_commands_per_worker: float
    """A second, while there is nothing to do."""

    idle_redis_ms_per_worker: float
    """Processor time of Redis a second, while there is nothing to do."""

    idle_bytes_per_worker: float
    """Both ways, a second, while there is nothing to do."""

    clients_per_worker: float
    """Connections to Redis."""

    kept_bytes_per_test: float
    """Memory of Redis for a test that has its verdict, until the batch expires."""


class Told(NamedTuple):
    """What Redis counted so far."""

    commands: int
    scripts: int
    taken_in: int
    given_out: int
    cpu: float

    @property
    def moved(self) -> int:
        """Bytes, both ways."""
        return self.taken_in + self.given_out

    @classmethod
    def by(cls, client: redis.Redis) -> Told:
        stats, cpu = client.info("stats"), client.info("cpu")
        calls = {name.removeprefix("cmdstat_"): one["calls"] for name, one in client.info("commandstats").items()}
        return cls(
            sum(calls.values()), calls.get("evalsha", 0),
            stats["total_net_input_bytes"], stats["total_net_output_bytes"],
            cpu["used_cpu_sys"] + cpu["used_cpu_user"],
        )  # fmt: skip


def processor_time(workers: Sequence[Worker]) -> float:
    """Seconds that all processes of these workers used."""
    used = 0.0
    for worker in workers:
        main = psutil.Process(worker.process.pid)
        for process in (main, *main.children(recursive=True)):
            times = process.cpu_times()
            used += times.user + times.system
    return used


@contextmanager
def fleet(folder: Path, url: str, size: int) -> Iterator[list[Worker]]:
    """Workers at work."""
    workers: list[Worker] = []
    try:
        env = {"PYTHONPATH": str(ROOT), "BREAKWATER_LEASE_SECONDS": "6"}
        app = "tests.benchmarks.fleet_worker"
        workers.extend(Worker(folder / f"{size}-{one}", url, f"w{one}", app=app, env=env) for one in range(size))
        FarmClient(url).at_work(*workers, seconds=120)
        yield workers
    finally:
        for worker in workers:
            worker.end()


def measure(folder: Path, server: RedisServer, size: int, seconds: float) -> Figures:
    """One batch by a fleet of this size."""
    client = redis.Redis.from_url(server.url)
    client.flushall()
    with fleet(folder, server.url, size) as workers:
        farm = FarmClient(server.url)
        farm.run(2 * size, *workers, seconds=60)  # everything is imported and connected
        time.sleep(1)
        idle, began = Told.by(client), time.perf_counter()
        time.sleep(3)
        rested, rest = Told.by(client), time.perf_counter() - began
        idle_rate = (rested.commands - idle.commands) / rest
        connections = client.info("clients")["connected_clients"] - 1

        tests = round(size * seconds / TEST)
        empty = client.info("memory")["used_memory"]
        batch = farm.publish(tests)
        before, used = Told.by(client), processor_time(workers)
        # One look at the end, not many: looking costs commands too.
        until(lambda: _is_finished(client, farm, batch), 60 + 4 * seconds)
        after, used_after = Told.by(client), processor_time(workers)
        kept = client.info("memory")["used_memory"] - empty
        assert farm.outcomes(batch) == {"passed": tests}
        attempts = [verdict.attempts[-1] for verdict in farm.verdicts(batch)]
    took = max(one.started_at + one.seconds for one in attempts) - min(one.started_at for one in attempts)
    idle_commands = idle_rate * took
    return Figures(
        workers=size,
        tests=tests,
        seconds=took,
        per_second=tests / took,
        of_ideal=tests * TEST / took / size,
        commands_per_test=(after.commands - before.commands - idle_commands) / tests,
        scripted_per_test=(after.scripts - before.scripts) / tests,
        bytes_in_per_test=(after.taken_in - before.taken_in) / tests,
        bytes_out_per_test=(after.given_out - before.given_out) / tests,
        redis_ms_per_test=(after.cpu - before.cpu) / tests * 1e3,
        workers_ms_per_test=(used_after - used) / tests * 1e3,
        busy_cores=(used_after - used + after.cpu - before.cpu) / took,
        idle_commands_per_worker=idle_rate / size,
        idle_redis_ms_per_worker=(rested.cpu - idle.cpu) / rest / size * 1e3,
        idle_bytes_per_worker=(rested.moved - idle.moved) / rest / size,
        clients_per_worker=connections / size,
        kept_bytes_per_test=kept / tests,
    )


def queued_bytes(client: redis.Redis, url: str, tests: int = 10_000) -> float:
    """Memory of Redis for a test that waits."""
    client.flushall()
    before = client.info("memory")["used_memory"]
    FarmClient(url).publish(tests)
    return float((client.info("memory")["used_memory"] - before) / tests)


def _is_finished(client: redis.Redis, farm: FarmClient, batch: str) -> bool:
    time.sleep(0.2)
    return client.hget(farm.backend.store.key(batch), "state") == b"finished"


def main() -> None:
    """Measure every size and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", default="1,2,4,8,16", help="numbers of workers (default 1,2,4,8,16)")
    parser.add_argument("--seconds", type=float, default=6.0, help="that a batch should ideally take (default 6)")
    parser.add_argument("--json", type=Path, help="write the figures there as well")
    options = parser.parse_args()
    found: list[Figures] = []
    with tempfile.TemporaryDirectory() as folder:
        server = RedisServer(Path(folder))
        server.start()
        try:
            print(f"a waiting test: {queued_bytes(redis.Redis.from_url(server.url), server.url):.0f} bytes", flush=True)
            for size in map(int, options.sizes.split(",")):
                found.append(measure(Path(folder), server, size, options.seconds))
                print(json.dumps({name: round(value, 3) for name, value in found[-1]._asdict().items()}), flush=True)
        finally:
            server.stop()
    print(f"\n{os.cpu_count()} cores")
    print(f"{'workers':>8}{'tests/s':>10}{'of ideal':>10}{'commands':>10}{'bytes':>9}{'Redis ms':>10}")
    for one in found:
        moved = one.bytes_in_per_test + one.bytes_out_per_test
        print(
            f"{one.workers:>8}{one.per_second:>10.1f}{one.of_ideal:>10.1%}{one.commands_per_test:>10.1f}"
            f"{moved:>9.0f}{one.redis_ms_per_test:>10.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps([one._asdict() for one in found], indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
