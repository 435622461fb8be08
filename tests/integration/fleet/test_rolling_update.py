"""Old and new workers side by side: what only the newer can read is left to them, and nothing is lost."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.farms import ROOT, FarmClient, Worker, until
from tests.unit.fleet.images import environment


def give_new_field(client: FarmClient, batch: str) -> None:
    """As a client of the next release would have published it."""
    key = client.backend.store.key(batch, ":specs")
    for test, spec in client.backend.client.hgetall(key).items():
        client.backend.client.hset(key, test, json.dumps({**json.loads(spec), "colour": "red"}))


def test_an_update_of_all_workers_loses_no_test(
    tmp_path: Path, redis_server: Any, redis_client: Any, ending: Any
) -> None:
    client = FarmClient(redis_server.url)
    newer_tests = client.publish(3)
    give_new_field(client, newer_tests)
    # Started as the image starts it, since it is to be stopped as a container is.
    old = ending(Worker(tmp_path / "old", redis_server.url, "old", env=environment("simulation")))
    client.at_work(old)
    until(lambda: "left to newer workers" in old.output, why=lambda: old.output)
    assert client.done(newer_tests) == 0

    new = ending(
        Worker(
            tmp_path / "new", redis_server.url, "new", app="tests.newer_release", env={"PYTHONPATH": str(ROOT)}
        )
    )  # fmt: skip
    client.at_work(new)
    until(lambda: client.is_finished(newer_tests), 120, lambda: new.output[-2000:])
    assert client.outcomes(newer_tests) == {"passed": 3}
    for verdict in client.verdicts(newer_tests):
        assert [attempt.worker for attempt in verdict.attempts] == [new.name]  # to be passed over is no attempt

    batch = client.publish(800)
    until(lambda: any(verdict.attempts[-1].worker == old.name for verdict in client.verdicts(batch)))
    old.process.terminate()
    assert old.process.wait(120) == 0, old.output[-2000:]
    until(lambda: client.is_finished(batch), 180, lambda: new.output[-2000:])
    assert client.outcomes(batch) == {"passed": 800}
    verdicts = client.verdicts(batch)
    assert {attempt.worker for verdict in verdicts for attempt in verdict.attempts} == {old.name, new.name}
    assert all(len(verdict.attempts) == 1 for verdict in verdicts)
    assert "Traceback" not in old.output
