"""Redis has no memory left: clients say so in a line, workers stay, and all goes on when there is room again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import redis

from tests.commands import Command
from tests.farms import FarmClient, RedisServer, Worker, answers, until


def test_a_full_redis_stops_nobody_for_good(tmp_path: Path, ending: Any) -> None:
    server = ending(RedisServer(tmp_path / "redis", "maxmemory-policy noeviction"))
    operator = redis.Redis(port=server.port)
    until(lambda: answers(operator))
    worker = ending(Worker(tmp_path / "worker", server.url))
    client = FarmClient(server.url)
    client.at_work(worker)
    batch = client.publish(300)
    until(lambda: client.done(batch) > 10)

    operator.config_set("maxmemory", "1mb")
    with Command(["run", "--quick"], tmp_path, {"BREAKWATER_REDIS_URL": server.url}) as command:
        assert command.wait(120) == 3, command.output
    assert "raise its maxmemory" in command.output.splitlines()[-1]
    assert "Traceback" not in command.output
    assert len(client.verdicts(batch)) < 300
    refused = operator.info("errorstats")["errorstat_OOM"]["count"]
    until(
        lambda: operator.info("errorstats")["errorstat_OOM"]["count"] > refused + 5, 60, lambda: worker.output[-3000:]
    )
    assert worker.process.poll() is None, worker.output[-3000:]

    operator.config_set("maxmemory", "0")
    until(lambda: client.is_finished(batch), 180, lambda: worker.output[-5000:])
    assert client.outcomes(batch) == {"passed": 300}
    client.at_work(worker)
