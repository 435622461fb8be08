"""Taking a worker out for maintenance: it finishes what it runs, takes nothing more, and no test is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery
from click.testing import CliRunner

from jobs.bad_input import BadInput
from jobs.cli import breakwater
from jobs.settings import settings
from tests.farms import FarmClient, Worker, until


@pytest.fixture
def said(redis_server: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., str]]:
    """What the command says, run in this process."""
    monkeypatch.setenv("BREAKWATER_REDIS_URL", redis_server.url)
    settings.cache_clear()

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(breakwater, arguments)
        if result.exception is not None:
            raise result.exception
        return result.output

    yield run
    settings.cache_clear()


def test_a_drained_worker_takes_no_tests_until_it_is_resumed(
    tmp_path: Path, redis_server: Any, redis_client: Any, ending: Any, said: Any
) -> None:
    client = FarmClient(redis_server.url)
    staying, leaving = (ending(Worker(tmp_path / name, redis_server.url, name)) for name in ("staying", "leaving"))
    client.at_work(staying, leaving)
    batch = client.publish(300)
    until(lambda: client.done(batch) > 5)

    assert "they run nothing now" in said("workers", "drain", "leaving@test", "--wait", "120")
    ran = sum(verdict.attempts[-1].worker == "leaving@test" for verdict in client.verdicts(batch))
    until(lambda: client.is_finished(batch), 180)
    assert client.outcomes(batch) == {"passed": 300}
    last = [verdict.attempts[-1].worker for verdict in client.verdicts(batch)]
    assert last.count("leaving@test") == ran
    told = {node["node"]: node for node in json.loads(said("workers", "--json"))}
    assert told["leaving@test"]["drained"]
    assert told["leaving@test"]["queues"] == []
    assert "drained" in said("workers")

    with pytest.raises(BadInput, match="no worker 'nobody@test'; there are: leaving@test, staying@test"):
        said("workers", "drain", "nobody@test")
    with pytest.raises(BadInput, match=r"no worker reads browser\.firefox"):
        said("workers", "drain", "--browser", "firefox")
    said("workers", "drain", "staying@test")
    said("workers", "resume", "leaving@test")
    assert client.run(5, leaving) == {"passed": 5}
    assert said("workers", "resume", "--all") == "resumed: staying@test\n"

    # Remote control may look, but not change: who can publish on Redis can't stop a farm.
    control = Celery(broker=redis_server.url).control
    assert {name for reply in control.ping(timeout=60, limit=2) for name in reply} == {"leaving@test", "staying@test"}
    answered = control.broadcast("shutdown", reply=True, timeout=1)
    assert all("error" in answer for reply in answered for answer in reply.values())
    assert client.run(5, leaving) == {"passed": 5}
    assert staying.process.poll() is None
