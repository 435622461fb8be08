"""Batches that nobody waits for: they end all the same, and leave nothing behind."""

from __future__ import annotations

import time
from typing import Any

import pytest
import redis

from jobs.batches import BatchStore, Claim, Node, Presence, Reaper
from jobs.batches.unmanned import UnmannedFarm
from recovery import BrowserType


def test_a_batch_that_is_open_for_too_long_is_cancelled(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    store.longest_seconds = 3600
    store.publish(make.header("young", created_at=time.time()), make.specs(2))
    store.publish(make.header("old", created_at=time.time() - 3601), make.specs(2))
    reaper = Reaper(store)
    make.until(lambda: reaper.tick(pytest.fail) and store.progress("old").finished)
    reasons = {verdict.reason for verdict in store.verdicts("old")}
    assert reasons == {"the batch was not finished in time"}
    assert not store.progress("young").cancelled
    assert redis_client.llen("browser.chrome") == 2, "only the young batch's messages are left"
    assert 0 < redis_client.ttl("t:batch:old:verdicts") <= 60


def test_what_nobody_serves_is_taken_without_a_client_that_waits(
    store: BatchStore, redis_client: redis.Redis, make: Any
) -> None:
    presence = Presence(redis_client, "t")
    presence.announce(Node(node="w1", boot="x", pid=1, queues=("browser.chrome",)), 60)
    store.publish(make.header("b"), [make.spec("c"), make.spec("f", BrowserType.FIREFOX)])
    farm = UnmannedFarm(store, presence, make.owner(), grace=0.0)
    claims: list[Claim] = []
    make.until(lambda: claims.extend(farm.claims(5)) or claims)
    assert [claim.test for claim in claims] == ["f"]
    store.finish(claims[0], make.verdict(claims[0]))
    assert redis_client.llen("browser.firefox") == 1
    chrome = make.claim(store, "c")
    store.finish(chrome, make.verdict(chrome))
    make.until(lambda: list(farm.claims(5)) or redis_client.llen("browser.firefox") == 0)
    assert redis_client.llen("browser.chrome") == 1, "its worker drops what it finds"
