"""Redis goes away in the middle of a batch and comes back: so do workers, Flower and those who wait, by themselves."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import Command
from tests.conftest import RedisServer
from tests.farms import until
from tests.flowers import Flower, heard
from tests.integration.farm.conftest import QuickFarm

# Eight seconds' work: Redis goes away in its middle.
TESTS = 40


@pytest.fixture
def farm(own_redis: RedisServer, tmp_path: Path) -> Iterator[QuickFarm]:
    farm = QuickFarm(own_redis.url, tmp_path)
    yield farm
    farm.end()


def events_seen(flower: Flower) -> float:
    """How many of Celery's events Flower has read."""
    counts = re.findall(r"^flower_events_total\{.*\} (\S+)", flower.get("/metrics"), re.MULTILINE)
    return sum(map(float, counts))


@pytest.mark.parametrize("seconds", [5, pytest.param(30, marks=pytest.mark.night)])
def test_workers_waiting_clients_and_flower_outlive_an_absence(
    farm: QuickFarm, own_redis: RedisServer, tmp_path: Path, seconds: float
) -> None:
    flower = Flower(own_redis.url, tmp_path)
    worker = farm.worker("one", "--concurrency", "2", lease="3")
    farm.client.at_work(worker)
    presence = farm.client.backend.presence
    presence.drain(worker.name)  # until all look on
    until(lambda: [node.node for node in presence.nodes() if node.drained] == [worker.name])
    tests = [f"sleep-400-{number}" for number in range(TESTS)]
    farm.publish(*tests)
    patient = {"BREAKWATER_REDIS_URL": own_redis.url, "BREAKWATER_UNSERVED_SECONDS": "300"}
    command = Command(["wait", "b", "--report-json", "report.json"], tmp_path, patient)
    try:
        until(lambda: f"{TESTS} tests" in command.output)
        with flower.listen("/live/batch/b") as told:
            _, board = heard(told, "board")
            presence.resume(worker.name)
            until(lambda: farm.client.done("b") > 3)
            until(lambda: events_seen(flower) > 0)
            own_redis.stop()
            gone = time.monotonic()
            assert heard(told, "trouble")[1]["away_since"]
            time.sleep(max(0.0, seconds - (time.monotonic() - gone)))  # what is tested is an absence of this length
            own_redis.start()
            while board["batch"]["outcomes"] != {"passed": TESTS}:
                _, board = heard(told, "board")
        assert command.wait(180) == 0, command.output + worker.output[-4000:]
        # What Flower reads by itself, too: it tries again at growing intervals.
        before = events_seen(flower)
        until(lambda: farm.client.publish(1) and events_seen(flower) > before, 180)
    finally:
        command.kill()
        flower.stop()
    assert "Redis is back" in command.output
    assert farm.client.outcomes("b") == {"passed": TESTS}
    assert {len(verdict.attempts) for verdict in farm.client.verdicts("b")} == {1}, "no test ran twice, or was lost"
