"""A lease, and what is renewed along with it, is kept for so long and no longer, however alive the keeping thread."""

from __future__ import annotations

import time

import redis

from breakers import CircuitBreakerRegistry, CircuitState
from jobs.batches import BatchHeader, BatchStore, Claim, LeaseKeeper, Owner
from jobs.specs import Platform, TestSpec
from recovery import BrowserType, ModelType


def claimed(store: BatchStore) -> Claim:
    spec = TestSpec(
        id="t", browser=BrowserType.CHROME, model="m", model_type=ModelType.TEXT, platform=Platform.WASM
    )  # fmt: skip
    store.publish(BatchHeader(id="b", name="b", created_at=0), [spec])
    claim = store.claim("b", "t", 1, Owner(node="n", boot="x", pid=1))
    assert isinstance(claim, Claim)
    return claim


def test_a_process_that_hangs_loses_its_test(redis_client: redis.Redis) -> None:
    store = BatchStore(redis_client, lease_seconds=0.3)
    claim = claimed(store)
    keeper = LeaseKeeper(store)
    with keeper.hold(claim, at_most=0.5) as lease:
        assert lease.wait_stop(5)
        assert lease.claim_state() == "lost"
        deadline = time.monotonic() + 5
        while store.take_expired("b", "t") is None:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    keeper.close()


def test_a_long_probe_keeps_its_place_until_its_process_hangs(redis_client: redis.Redis) -> None:
    registry = CircuitBreakerRegistry(redis_client, failure_threshold=1, recovery_timeout=0.05)
    store = BatchStore(redis_client, lease_seconds=1.0)
    keeper = LeaseKeeper(store)
    registry.record("c", failed=True)

    def let_in() -> bool:
        return registry.states("c")["c"] == (CircuitState.HALF_OPEN, 0.0)

    def wait_for_place() -> float:
        began = time.monotonic()
        while not let_in():
            assert time.monotonic() < began + 5
            time.sleep(0.01)
        return time.monotonic() - began

    wait_for_place()
    guard = registry.guard("c", probe_seconds=store.lease_seconds)
    with keeper.hold(claimed(store), at_most=2.0) as lease, guard, lease.renewing(guard.renew):
        assert 1.8 < wait_for_place() < 4.0
    keeper.close()
