"""Workers that leave, die or hang: each test keeps its one verdict, and a leaving worker's goes back at once."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from jobs.batches import BatchHeader
from jobs.batches.events import Claimed, GivenBack
from tests.conftest import RedisServer
from tests.farms import ROOT, FarmClient, Worker, simulated, until

# Seconds. Longer than any test here waits: what comes back sooner did not come back by its lease.
LEASE = "60"


class Farm:
    """Workers with tests that need no browser, and somebody who publishes."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.client = FarmClient(url)
        self.store = self.client.backend.store
        self.workers: list[Worker] = []

    def worker(self, name: str, *options: str, lease: str = LEASE) -> Worker:
        worker = Worker(
            self.folder / name,
            self.url,
            name,
            app="tests.quick_jobs",
            env={"PYTHONPATH": str(ROOT), "BREAKWATER_LEASE_SECONDS": lease, "BREAKWATER_REMOTE_CONTROL": "all"},
            options=(*(options or ("--concurrency", "1")), "--without-mingle", "--without-gossip"),
        )
        self.workers.append(worker)
        return worker

    def publish(self, *tests: str, timeout: float = 60.0, **policy: object) -> str:
        header = BatchHeader.model_validate(
            {"id": "b", "name": "b", "created_at": time.time(), "allow": ["simulated"], "policy": policy}
        )
        self.store.publish(header, [simulated(test).model_copy(update={"timeout": timeout}) for test in tests])
        return header.id

    def until_finished(self, seconds: float = 40) -> None:
        until(
            lambda: self.client.is_finished("b"),
            seconds,
            lambda: f"{self.store.progress('b')}" + "\n".join(worker.output[-3000:] for worker in self.workers),
        )

    def control(self) -> Any:
        """Celery's remote control, as any client of its own has it."""
        return Celery(broker=self.url, set_as_current=False).control

    def claims(self, test: str) -> list[Claimed]:
        return [event for event in self.store.events("b") if isinstance(event, Claimed) and event.test == test]


@pytest.fixture
def farm(redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path) -> Iterator[Farm]:
    farm = Farm(redis_server.url, tmp_path)
    yield farm
    for worker in farm.workers:
        worker.end()
    farm.client.backend.client.close()


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGQUIT], ids=["soft", "hard"])
def test_the_test_of_a_worker_that_is_told_to_leave_starts_elsewhere_at_once(
    farm: Farm, signum: signal.Signals
) -> None:
    leaving = farm.worker("leaving")
    farm.client.at_work(leaving)
    farm.publish("sleep-20000-first", "sleep-0")
    until(lambda: farm.claims("sleep-20000-first"))
    staying = farm.worker("staying")
    farm.client.at_work(staying)
    leaving.process.send_signal(signum)
    until(lambda: len(farm.claims("sleep-20000-first")) == 2, 8)
    first, second = farm.claims("sleep-20000-first")
    assert (first.owner.node, second.owner.node) == (leaving.name, staying.name)
    assert first.number == second.number, "it did nothing wrong: the same attempt"
    assert [event.test for event in farm.store.events("b") if isinstance(event, GivenBack)] == ["sleep-20000-first"]
    staying.process.send_signal(signal.SIGKILL)


def test_children_come_and_go_without_costing_a_verdict(farm: Farm) -> None:
    worker = farm.worker("many", "--autoscale", "4,1", "--max-tasks-per-child", "3")
    farm.client.at_work(worker)
    tests = [f"sleep-100-{number}" for number in range(40)]
    farm.publish(*tests)
    until(lambda: farm.client.done("b") > 5)
    farm.control().autoscale(2, 1, destination=[worker.name])
    farm.until_finished()
    assert farm.client.outcomes("b") == {"passed": 40}
    claims = [event for event in farm.store.events("b") if isinstance(event, Claimed)]
    assert len({event.owner.pid for event in claims}) > 10


def test_a_revoked_test_ends_as_cancelled_whether_it_waits_or_runs(farm: Farm) -> None:
    worker = farm.worker("one", "--concurrency", "1")
    farm.client.at_work(worker)
    farm.publish("sleep-30000-running", "sleep-0-waiting", "sleep-0-other")
    until(lambda: farm.claims("sleep-30000-running"))
    farm.control().revoke("b:sleep-0-waiting:1")
    farm.control().revoke("b:sleep-30000-running:1", terminate=True)
    farm.until_finished()
    assert farm.client.outcomes("b") == {"passed": 1, "cancelled: the task was revoked": 2}
    assert farm.store.progress("b").late == 0


def test_what_kills_or_hangs_its_worker_each_time_ends_as_an_error(farm: Farm) -> None:
    worker = farm.worker("one", "--concurrency", "2", lease="2")
    farm.client.at_work(worker)
    farm.publish("kill", "hang", "sleep-0-1", "sleep-0-2", timeout=1.0, max_attempts=2)
    farm.until_finished(60)
    outcomes = {verdict.test: verdict for verdict in farm.client.verdicts("b")}
    assert {test: verdict.outcome.value for test, verdict in outcomes.items()} == {
        "kill": "error",
        "hang": "error",
        "sleep-0-1": "passed",
        "sleep-0-2": "passed",
    }
    assert len(outcomes["kill"].attempts) == len(outcomes["hang"].attempts) == 2
    until(lambda: "signal 14" in worker.output or "SIGALRM" in worker.output, 20, lambda: worker.output[-2000:])
