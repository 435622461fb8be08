"""Batches on a real Redis: a store with short leases, and the values that its tests are made of."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
import redis

from jobs.batches import BatchHeader, BatchStore, Claim, Owner
from jobs.specs import Outcome, Platform, TestSpec, Verdict
from recovery import AttemptRecord, BrowserType, FailureType, ModelType

# Seconds. Short enough to see leases end, long enough for a busy machine to renew them.
LEASE = 0.6


class Make:
    """Values with everything filled in that a test doesn't care about."""

    LEASE = LEASE

    @staticmethod
    def store(client: redis.Redis, *, lease: float = LEASE, expiry: int = 60) -> BatchStore:
        return BatchStore(client, "t", lease_seconds=lease, expiry_seconds=expiry)

    @staticmethod
    def header(batch: str = "b", **fields: object) -> BatchHeader:
        return BatchHeader.model_validate({"id": batch, "name": "night", "created_at": 1.0, **fields})

    @staticmethod
    def specs(count: int, browser: BrowserType = BrowserType.CHROME) -> list[TestSpec]:
        return [Make.spec(f"t{number}", browser) for number in range(count)]

    @staticmethod
    def spec(test: str, browser: BrowserType = BrowserType.CHROME, model: str = "tiny-bert") -> TestSpec:
        return TestSpec(id=test, browser=browser, model=model, model_type=ModelType.TEXT, platform=Platform.WASM)

    @staticmethod
    def owner(pid: int = 1, node: str = "w1", boot: str = "boot-1") -> Owner:
        return Owner(node=node, boot=boot, pid=pid)

    @staticmethod
    def claim(store: BatchStore, test: str = "t0", number: int = 1, pid: int = 1, batch: str = "b") -> Claim:
        claim = store.claim(batch, test, number, Make.owner(pid))
        assert isinstance(claim, Claim), claim
        return claim

    @staticmethod
    def record(claim: Claim, outcome: str = "crash") -> AttemptRecord:
        return AttemptRecord(
            number=claim.number,
            level=claim.level,
            strategy=claim.strategy,
            browser=claim.browser,
            worker=claim.owner.node,
            outcome=outcome,
            failure_type=FailureType.CRASH,
            cause='tab crashed, "said" Sélénium',
            started_at=claim.claimed_at,
            seconds=0.25,
        )

    @staticmethod
    def verdict(claim: Claim, outcome: Outcome = Outcome.PASSED) -> Verdict:
        spec = claim.spec
        return Verdict(
            test=spec.id,
            outcome=outcome,
            asked_browser=spec.browser,
            browser=claim.browser,
            model=spec.model,
            model_type=spec.model_type,
            platform=spec.platform,
            degraded=False,
            simulated=False,
            recovered=False,
            measurement=None,
            attempts=(*claim.history, Make.record(claim, outcome.value)),
            seconds=1.0,
        )

    @staticmethod
    def until(condition: Callable[[], object], seconds: float = 60.0) -> None:
        """As ``farms.until``, but looks often enough for leases of a fraction of a second."""
        deadline = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < deadline, "the condition did not come true in time"
            time.sleep(0.01)


@pytest.fixture
def make() -> type[Make]:
    return Make


@pytest.fixture
def store(redis_client: redis.Redis) -> BatchStore:
    """A store on an empty database."""
    return Make.store(redis_client)


@pytest.fixture
def batch(store: BatchStore) -> str:
    """A published batch ``b`` of two tests for Chrome, ``t0`` and ``t1``."""
    store.publish(Make.header(), Make.specs(2))
    return "b"
