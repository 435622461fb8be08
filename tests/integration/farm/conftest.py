"""Real workers with tests that need no browser, and somebody who publishes and looks on."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import Celery

from jobs.batches import BatchHeader
from jobs.batches.events import Claimed
from tests.conftest import RedisServer
from tests.farms import ROOT, FarmClient, Worker, simulated, until


class QuickFarm:
    """Workers that run tests of tests/quick_jobs.py, and one batch ``b`` of them."""

    # Seconds. Longer than any test waits: what comes back sooner did not come back by its lease.
    LONG_LEASE = "300"

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder = url, folder
        self.client = FarmClient(url)
        self.store = self.client.backend.store
        self.workers: list[Worker] = []

    def worker(
        self, name: str, *options: str, lease: str = LONG_LEASE, queues: str = "simulation", **env: str
    ) -> Worker:
        worker = Worker(
            self.folder / name,
            self.url,
            name,
            app="tests.quick_jobs",
            queues=queues,
            env={"PYTHONPATH": str(ROOT), "BREAKWATER_LEASE_SECONDS": lease, "BREAKWATER_REMOTE_CONTROL": "all", **env},
            options=(*(options or ("--concurrency", "1")), "--without-mingle", "--without-gossip"),
        )
        self.workers.append(worker)
        return worker

    def publish(self, *tests: str, timeout: float = 300.0, simulate: bool = True, **policy: object) -> None:
        header = BatchHeader.model_validate(
            {"id": "b", "name": "b", "created_at": time.time(), "allow": ["simulated"], "policy": policy}
        )
        self.store.publish(
            header, [simulated(test).model_copy(update={"timeout": timeout, "simulate": simulate}) for test in tests]
        )

    def until_finished(self, seconds: float = 120) -> None:
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

    def end(self) -> None:
        for worker in self.workers:
            worker.end()
        self.client.backend.client.close()


@pytest.fixture
def quick_farm(redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path) -> Iterator[QuickFarm]:
    farm = QuickFarm(redis_server.url, tmp_path)
    yield farm
    farm.end()
