"""A lease is kept for so long and no longer, however alive the thread that keeps it."""

from __future__ import annotations

import time

import redis

from jobs.batches import BatchHeader, BatchStore, Claim, LeaseKeeper, Owner
from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType


def test_a_process_that_hangs_loses_its_test(redis_client: redis.Redis) -> None:
    store = BatchStore(redis_client, lease_seconds=0.3)
    spec = TestSpec(
        id="t", browser=BrowserType.CHROME, model="m", model_type=ModelType.TEXT, platform=Platform.WASM
    )  # fmt: skip
    store.publish(BatchHeader(id="b", name="b", created_at=0), [spec])
    claim = store.claim("b", "t", 1, Owner(node="n", boot="x", pid=1))
    assert isinstance(claim, Claim)
    keeper = LeaseKeeper(store)
    with keeper.hold(claim, at_most=0.5) as lease:
        assert lease.wait_stop(5)
        assert lease.claim_state() == "lost"
        deadline = time.monotonic() + 5
        while store.take_expired("b", "t") is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    keeper.close()
