"""The embedded farm: a Redis with a password, workers that announce themselves, all started again when they die."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import redis

from jobs.batches import Presence
from jobs.farm import Farm
from recovery import BrowserType
from tests.farms import until


@pytest.fixture
def farm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Farm]:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with Farm([BrowserType.CHROME]) as started:
        yield started


def test_it_serves_its_queues_and_revives_what_dies(farm: Farm, tmp_path: Path) -> None:
    client = redis.Redis.from_url(farm.url)
    presence = Presence(client)
    until(lambda: set(presence.live_queues()) == {"browser.chrome", "simulation"}, 120)

    before = {node.node: node.boot for node in presence.nodes()}
    pid = farm.workers["chrome"].pid
    assert pid is not None
    psutil.Process(pid).kill()
    until(lambda: farm.tend() == ["chrome"], 120)
    until(
        lambda: any(node.node.startswith("chrome@") and node.boot != before[node.node] for node in presence.nodes()),
        120,
    )

    client.set("kept", "yes")
    port = farm.url.rpartition(":")[2].partition("/")[0]
    server = next(part for part in psutil.Process().children(recursive=True) if f":{port}" in " ".join(part.cmdline()))
    server.kill()
    until(lambda: "redis" in farm.tend(), 120)
    assert client.get("kept") == b"yes"

    farm.stop()
    assert not list(tmp_path.iterdir())


def test_its_redis_wants_the_password(farm: Farm) -> None:
    url = farm.url.split("@")[1]
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url(f"redis://{url}").ping()
