"""A lease, and what is renewed along with it, is kept for so long and no longer, however alive the keeping thread."""

from __future__ import annotations

import time

import redis

from breakers import CircuitBreakerRegistry, CircuitState
from jobs.batches import BatchHeader, BatchStore, Claim, LeaseKeeper, Owner
from jobs.specs import Platform, TestSpec
from recovery import AttemptRecord, BrowserType, FailureType, ModelType, RecoveryLevel


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
        assert lease.wait_stop(60)
        assert lease.claim_state() == "lost"
        deadline = time.monotonic() + 60
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

    def wait_for_place() -> None:
        began = time.monotonic()
        while not let_in():
            assert time.monotonic() < began + 60
            time.sleep(0.01)

    wait_for_place()
    guard = registry.guard("c", probe_seconds=store.lease_seconds)
    began = time.monotonic()
    with keeper.hold(claimed(store), at_most=2.0) as lease, guard, lease.renewing(guard.renew):
        wait_for_place()
        assert time.monotonic() - began > 1.8
    keeper.close()


def test_a_leaving_worker_gives_back_the_attempt_that_went_on_in_place(redis_client: redis.Redis) -> None:
    store = BatchStore(redis_client, lease_seconds=5)
    first = claimed(store)
    leaving = False
    keeper = LeaseKeeper(store, lambda: leaving)
    with keeper.hold(first) as lease:
        second = store.next_in_place(first, record_of(first), RecoveryLevel.MINIMAL, "s")
        leaving = True
        time.sleep(1.5)  # the keeper looks twice, and knows the attempt by its old name only
        assert lease.claim_state() == "held"
        lease.follow(second)
        assert lease.wait_stop(60)
        assert lease.claim_state() == "lost"
    again = store.claim("b", "t", 2, Owner(node="n2", boot="x", pid=2))
    assert isinstance(again, Claim)
    assert len(again.history) == 1
    keeper.close()


def test_what_goes_wrong_with_one_lease_ends_no_other(redis_client: redis.Redis) -> None:
    store = BatchStore(redis_client, lease_seconds=1.2)
    keeper = LeaseKeeper(store)

    def breaks() -> None:
        raise ValueError("a defect")

    with keeper.hold(claimed(store)) as lease, lease.renewing(breaks):
        time.sleep(2)  # longer than a lease
        assert store.take_expired("b", "t") is None
        assert lease.claim_state() == "held"
    keeper.close()


def record_of(claim: Claim) -> AttemptRecord:
    return AttemptRecord(
        number=claim.number, level=None, strategy=None, browser=claim.browser, worker="n", outcome="crash",
        failure_type=FailureType.CRASH, cause="", started_at=claim.claimed_at, seconds=0.1,
    )  # fmt: skip
