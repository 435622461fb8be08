"""A farm as a program sees it: ``from jobs.batches import enqueue, wait, report``."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from jobs.bad_input import BadInput
from jobs.batches import BatchConflict, BatchStore, FarmFull, enqueue, report, wait
from jobs.specs import Outcome
from tests.conftest import RedisServer


@pytest.fixture
def farm(redis_client: redis.Redis) -> BatchStore:
    """The farm's store under its usual name."""
    return BatchStore(redis_client)


def test_a_batch_is_enqueued_waited_for_and_reported(farm: BatchStore, redis_server: RedisServer, make: Any) -> None:
    url = redis_server.url
    batch = enqueue(make.specs(3), batch_id="mine", name="night", allow=["degraded"], url=url)
    assert batch == enqueue(make.specs(3), batch_id="mine", name="night", allow=["degraded"], url=url) == "mine"
    with pytest.raises(BatchConflict):
        enqueue(make.specs(4), batch_id="mine", url=url)
    with pytest.raises(TimeoutError, match="0 of 3"):
        wait(batch, timeout=0.1, url=url)

    def work() -> None:
        for test in ("t0", "t1", "t2"):
            claim = make.claim(farm, test, batch="mine")
            farm.finish(claim, make.verdict(claim, Outcome.FAILED if test == "t1" else Outcome.PASSED))

    worker = threading.Thread(target=work)
    worker.start()
    seen: list[str] = []
    assert wait(batch, timeout=60, on_event=lambda event: seen.append(event.type), url=url).done == 3
    worker.join(60)
    assert seen[-1] == "finished"
    told = report(batch, url=url)
    assert told.finished
    assert told.header.name == "night"
    assert [verdict.test for verdict in told.verdicts] == ["t0", "t1", "t2"]
    assert told.summary.exit_code == 1


def test_a_batch_file_can_be_enqueued(farm: BatchStore, redis_server: RedisServer, tmp_path: Path) -> None:
    path = tmp_path / "batch.toml"
    path.write_text('[matrix]\nbrowsers = ["chrome"]\nmodels = ["t5-small"]\nplatforms = ["wasm"]\n', encoding="utf-8")
    assert farm.header(enqueue(path, url=redis_server.url)).total == 1
    with pytest.raises(BadInput, match="nowhere"):
        enqueue("nowhere.toml", url=redis_server.url)


def test_a_full_redis_is_told_before_it_is_filled(own_redis: RedisServer, make: Any) -> None:
    client = redis.Redis.from_url(own_redis.url)
    client.config_set("maxmemory", client.info("memory")["used_memory"] + 100_000)
    with pytest.raises(FarmFull, match="MiB"):
        enqueue(make.specs(10), url=own_redis.url)
    client.config_set("maxmemory", client.info("memory")["used_memory"] * 3)
    with pytest.raises(FarmFull, match="Redis is full"):
        enqueue((make.spec(f"t{number}") for number in range(19_000)), url=own_redis.url)
    assert not list(client.scan_iter("*:staged:*"))
    client.close()


def test_low_and_high_priority_reach_their_ends_of_the_queue(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    for priority in ("low", "normal", "high"):
        store.publish(make.header(priority, priority=priority), make.specs(2))
    queue = [message.split(b'"id": "')[1].split(b'"')[0] for message in redis_client.lrange("browser.chrome", 0, -1)]
    # A worker takes from the right.
    assert queue == [b"normal:t1:1", b"normal:t0:1", b"high:t1:1", b"high:t0:1"]
    assert redis_client.llen("browser.chrome\x06\x166") == 2
    store.cancel("low")
    store.cancel("high")
    assert redis_client.llen("browser.chrome\x06\x166") == 0
    assert redis_client.llen("browser.chrome") == 2


def test_the_first_failure_cancels_what_waits(store: BatchStore, redis_client: redis.Redis, make: Any) -> None:
    store.publish(make.header(fail_fast=True), make.specs(3))
    claim = make.claim(store)
    store.finish(claim, make.verdict(claim, Outcome.FAILED))
    while store.close_some("b"):
        pass
    assert store.progress("b").outcomes == {"failed": 1, "cancelled": 2}
    assert all("first failure" in verdict.reason for verdict in store.verdicts("b") if verdict.outcome == "cancelled")
    assert redis_client.llen("browser.chrome") == 0, "nobody need drop what nobody wants"
