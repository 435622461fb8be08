"""Whatever happens to a test, in whatever order: one verdict, and never two who may write it."""

from __future__ import annotations

from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from jobs.batches import BatchHeader, BatchStore, Claim, NextAttempt, Owner, Refused, StaleAttempt, cancelled_verdict
from jobs.specs import Platform, TestSpec
from recovery import AttemptRecord, BrowserType, ModelType, RecoveryLevel

SPEC = TestSpec(
    id="t", browser=BrowserType.CHROME, model="tiny-bert", model_type=ModelType.TEXT, platform=Platform.WASM
)
NEXT = NextAttempt(queue="browser.firefox", browser=BrowserType.FIREFOX, level=RecoveryLevel.FALLBACK, strategy="s")
HEADER = BatchHeader(id="b", name="n", created_at=0)


def record_of(claim: Claim) -> AttemptRecord:
    return AttemptRecord(
        number=claim.number, browser=claim.browser, worker=claim.owner.node, outcome="crash",
        started_at=claim.claimed_at, seconds=0.1,
    )  # fmt: skip


class Life(RuleBasedStateMachine):
    """The model: the number and fence that are current, and every claim that was ever given out."""

    client: redis.Redis

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        # Leases end only when a rule ends them.
        self.store = BatchStore(self.client, "t", lease_seconds=1000, expiry_seconds=1000)
        self.store.publish(HEADER, [SPEC])
        self.claims: list[Claim] = []
        self.current: Claim | None = None
        self.number = 1
        self.status = "queued"
        self.late = 0
        self.cancelled = False

    def pick(self, index: int) -> Claim:
        return self.claims[index % len(self.claims)]

    def is_current(self, claim: Claim) -> bool:
        return self.current is not None and (claim.number, claim.fence) == (self.current.number, self.current.fence)

    def left(self, status: str, number: int) -> None:
        self.current, self.number = None, number
        self.status = "done" if self.cancelled else status

    @rule(number=st.integers(1, 6), pid=st.integers(1, 3))
    def claim(self, number: int, pid: int) -> None:
        reply = self.store.claim("b", "t", number, Owner(node=f"w{pid}", boot="x", pid=pid))
        if self.status == "queued" and number == self.number and not self.cancelled:
            assert isinstance(reply, Claim)
            assert all(reply.fence > earlier.fence for earlier in self.claims)
            assert [record.number for record in reply.history] == list(range(1, number))
            self.current, self.status = reply, "running"
            self.claims.append(reply)
        else:
            assert isinstance(reply, Refused)

    @precondition(lambda self: self.claims)
    @rule(index=st.integers(0, 9))
    def renew(self, index: int) -> None:
        claim = self.pick(index)
        held = self.current is not None and claim.fence == self.current.fence
        assert self.store.renew(claim) == (("cancelled" if self.cancelled else "held") if held else "lost")

    @precondition(lambda self: self.claims)
    @rule(index=st.integers(0, 9), step=st.sampled_from(["send_on", "park", "give_back"]))
    def leave(self, index: int, step: str) -> None:
        claim = self.pick(index)
        calls = {
            "send_on": lambda: self.store.send_on(claim, record_of(claim), NEXT),
            "park": lambda: self.store.park(claim, record_of(claim), NEXT, 0),
            "give_back": lambda: self.store.give_back(claim),
        }
        if not self.is_current(claim):
            with pytest.raises(StaleAttempt):
                calls[step]()
            return
        calls[step]()
        self.left("parked" if step == "park" else "queued", claim.number + (step != "give_back"))

    @precondition(lambda self: self.claims)
    @rule(index=st.integers(0, 9))
    def next_in_place(self, index: int) -> None:
        claim = self.pick(index)
        if not self.is_current(claim):
            with pytest.raises(StaleAttempt):
                self.store.next_in_place(claim, record_of(claim), RecoveryLevel.MINIMAL, "s")
            return
        following = self.store.next_in_place(claim, record_of(claim), RecoveryLevel.MINIMAL, "s")
        if self.cancelled:
            assert following is None
            self.left("done", claim.number)
            return
        assert following is not None
        self.current, self.number = following, following.number
        self.claims.append(following)

    @precondition(lambda self: self.current)
    @rule()
    def expire(self) -> None:
        assert self.current is not None
        taken = self.store.expire_now("b", "t", self.current.number, self.current.owner)
        assert taken is not None
        assert taken.fence == self.current.fence + 1
        self.current = taken
        self.claims.append(taken)

    @rule()
    def unpark(self) -> None:
        _, due = self.store.overdue(10)
        assert self.store.unpark(due) == (self.status == "parked")
        if self.status == "parked":
            self.status = "queued"

    @rule()
    def lose_the_message(self) -> None:
        self.client.delete("browser.chrome", "browser.firefox")
        assert self.store.requeue_strays("b", 10, waited=0) == (self.status == "queued")

    @precondition(lambda self: self.claims)
    @rule(index=st.integers(0, 9))
    def finish(self, index: int) -> None:
        claim = self.pick(index)
        wins = self.is_current(claim)
        assert self.store.finish(claim, cancelled_verdict(SPEC, claim.history, 0)) == wins
        if wins:
            self.left("done", claim.number)
        else:
            self.late += 1

    @precondition(lambda self: not self.cancelled and len(self.claims) > 4)
    @rule()
    def cancel(self) -> None:
        self.store.cancel("b")
        self.cancelled = self.status != "done"
        if self.status in {"queued", "parked"}:
            self.status = "done"

    @rule()
    def forget_the_scripts(self) -> None:
        self.client.script_flush()

    @invariant()
    def counts_are_true(self) -> None:
        progress = self.store.progress("b")
        by_status = {name: getattr(progress, name) for name in ("queued", "running", "parked", "done")}
        assert by_status == {name: int(name == self.status) for name in by_status}
        assert progress.finished == (self.status == "done")
        assert progress.late == self.late
        assert len(list(self.store.verdicts("b"))) == (self.status == "done")
        assert self.client.zcard("t:batches:leases") == (self.status == "running")
        assert self.client.zcard("t:batches:parked") == (self.status == "parked")


def test_a_test_has_one_verdict_whatever_happens(redis_client: redis.Redis) -> None:
    machine: Any = type("LifeHere", (Life,), {"client": redis_client})
    case = machine.TestCase
    case.settings = settings(
        max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    case().runTest()
