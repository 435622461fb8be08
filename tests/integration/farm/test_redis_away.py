"""Redis goes away in the middle of a batch and comes back: so do workers and those who wait, by themselves."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command
from tests.conftest import RedisServer
from tests.farms import until
from tests.integration.farm.conftest import QuickFarm

# Seconds. The night's run has 30; so does anybody who asks.
ABSENCE = float(os.environ.get("BREAKWATER_TEST_REDIS_ABSENCE", "5"))


@pytest.fixture
def farm(own_redis: RedisServer, tmp_path: Path) -> Iterator[QuickFarm]:
    farm = QuickFarm(own_redis.url, tmp_path)
    yield farm
    farm.end()


@pytest.mark.timeout(150)
def test_workers_and_waiting_clients_outlive_an_absence(
    farm: QuickFarm, own_redis: RedisServer, tmp_path: Path
) -> None:
    worker = farm.worker("one", "--concurrency", "2", lease="3")
    farm.client.at_work(worker)
    tests = [f"sleep-400-{number}" for number in range(24)]
    farm.publish(*tests)
    command = Command(["wait", "b", "--report-json", "report.json"], tmp_path, {"BREAKWATER_REDIS_URL": own_redis.url})
    try:
        until(lambda: farm.client.done("b") > 3)
        until(lambda: "24 tests" in command.output)
        own_redis.stop()
        time.sleep(ABSENCE)  # what is tested is an absence of this length
        own_redis.start()
        assert command.wait(60) == 0, command.output + worker.output[-4000:]
    finally:
        command.kill()
    assert "Redis is back" in command.output
    assert farm.client.outcomes("b") == {"passed": 24}
    assert {len(verdict.attempts) for verdict in farm.client.verdicts("b")} == {1}, "no test ran twice, or was lost"
