"""A farm that is starting: a test whose browser is missing waits a moment for another browser's worker to come up."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from jobs.batches.events import Claimed
from jobs.specs import FaultKind, FaultSpec, Outcome, Platform, TestSpec
from recovery import BrowserType, ModelType
from tests.conftest import RedisServer
from tests.farms import FarmClient, Worker, until

CHROME_IS_MISSING = FaultSpec(kind=FaultKind.BINARY_MISSING, attempts=None, browser=BrowserType.CHROME)


@pytest.fixture
def workers() -> Iterator[list[Worker]]:
    started: list[Worker] = []
    yield started
    for worker in started:
        worker.end()


def test_a_test_waits_for_the_worker_of_another_browser(
    redis_server: RedisServer, redis_client: redis.Redis, tmp_path: Path, workers: list[Worker]
) -> None:
    def worker(browser: str) -> Worker:
        workers.append(
            Worker(
                tmp_path / browser, redis_server.url, browser, queues=f"browser.{browser}",
                env={"BREAKWATER_GATHERING_SECONDS": "120"},
            )
        )  # fmt: skip
        return workers[-1]

    client = FarmClient(redis_server.url)
    client.at_work(worker("chrome"))
    spec = TestSpec(
        id="t", browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT,
        platform=Platform.WASM, faults=(CHROME_IS_MISSING,),
    )  # fmt: skip
    batch = client.publish_specs([spec], allow=("degraded",))
    until(lambda: any(isinstance(event, Claimed) for event in client.backend.store.events(batch)))
    worker("firefox")
    until(lambda: client.is_finished(batch), 180, lambda: "\n".join(one.output[-2000:] for one in workers))
    [verdict] = client.verdicts(batch)
    assert (verdict.outcome, verdict.browser) == (Outcome.PASSED, BrowserType.FIREFOX), verdict.reason
    assert verdict.degraded
    # On a slow machine Chrome's circuit opens meanwhile; what turns the test away is waited out all the same.
    assert {entry.outcome for entry in verdict.attempts[:-1]} - {"circuit_open"} == {"launch"}
