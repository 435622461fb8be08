"""A test's way through the farm: claim → guard → run → record → decide → finish or send on.

Batches, browsers, breakers and recovery meet here: whoever reads it knows the product. Deciding and carrying out have
files of these names.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Mapping, Sequence

import redis
from celery import Task
from pydantic import ValidationError

import recovery
from breakers import CircuitOpenError
from jobs import signing
from jobs.bad_input import one_line
from jobs.batches import (
    AttemptName,
    Claim,
    HeldLease,
    Refused,
    StaleAttempt,
    UnreadableTest,
    cancelled_verdict,
)
from jobs.browsers.failures import AttemptAborted, TestFailure
from jobs.browsers.runner import run_test, simulate_test
from jobs.carrying_out import carry_out, finish, record_of, worker_lost
from jobs.celery import app
from jobs.deciding import on_failure, on_open_circuit, others_serve
from jobs.own.runner import run_own_test
from jobs.specs import Measurement, Outcome, OwnRun, TestKind
from jobs.time_limit import killed_after
from jobs.worker import WorkerProcess, is_dead_sibling, worker_process
from recovery import (
    AttemptRecord,
    BrowserFailure,
    Evidence,
    FailureInfo,
    RecoveryLevel,
)
from recovery.failures import InternalFailure

log = logging.getLogger("breakwater.tasks")

# Seconds that launching, renewing and closing a session may take, every wait of theirs used up.
LAUNCH_ALLOWANCE = 120.0
# Seconds that a process may go on after its lease ended for good; then it hangs, and is killed.
HANGING = 30.0
# Seconds in which a worker that can't read a test leaves its queue to others.
UNREADABLE_PAUSE = 2.0


@app.task(bind=True)
def run_attempt(self: Task, *arguments: object, **unknown: object) -> None:
    """Run an attempt of a test, and the ones that follow it in the same place. The message carries only its name."""
    try:
        batch, test, number = AttemptName.read(arguments, unknown)
    except ValidationError as error:
        log.warning("message %s is no attempt's, and dropped: %s", self.request.id, one_line(str(error)))
        return
    worker = worker_process(self.request.hostname)
    store = worker.backend.store
    try:
        claim = store.claim(batch, test, number, worker.owner)
    except UnreadableTest as newer:
        # During a rolling update: a worker of the newer release shall have it, while this one looks away.
        log.warning("%s", newer)
        time.sleep(UNREADABLE_PAUSE)
        return
    if isinstance(claim, Refused):
        # When a child dies, Celery gives its message to a sibling: that one need not wait for the lease to end.
        if claim.holder is not None and claim.number is not None and is_dead_sibling(claim.holder, worker.owner):
            with contextlib.suppress(UnreadableTest):  # then it is back in its queue
                orphan = store.expire_now(batch, test, claim.number, claim.holder)
                if orphan is not None:
                    worker_lost(worker.backend, orphan)
        return
    if signing.is_on() and (objection := signing.objection(claim.batch, claim.spec)):
        refusal = record_of(claim, worker.node, "refused", objection, None, 0.0)
        finish(worker.backend, claim, refusal, Outcome.ERROR, f"no worker may run this test: {objection}")
        return
    longest = longest_hold(claim)
    with killed_after(longest + HANGING), worker.keeper.hold(claim, longest) as lease:
        try:
            following: Claim | None = claim
            while following is not None:
                lease.follow(following)
                following = attempt(worker, following, lease)
        except StaleAttempt:
            # Our lease ended under us and the test went on elsewhere: what this attempt did is dropped.
            log.info("%s:%s attempt %d went on elsewhere; its result is dropped", batch, test, number)
        finally:
            worker.sessions.tell()


def longest_hold(claim: Claim) -> float:
    """Seconds after which a message's attempts must have ended: levels 1 and 2 follow the first one in place."""
    return 3 * (claim.spec.timeout * claim.adjustments.time_factor + LAUNCH_ALLOWANCE)


def attempt(worker: WorkerProcess, claim: Claim, lease: HeldLease) -> Claim | None:
    """One numbered attempt. Returns the next one where it follows in the same place, else None."""
    backend, started = worker.backend, time.monotonic()
    # Who reads which queue: asked once for a failed attempt, since among a thousand nodes it is a long answer.
    queues: Mapping[str, Sequence[str]] | None = None

    def record(outcome: str, cause: str = "", failure: FailureInfo | None = None) -> AttemptRecord:
        now, struck_at = time.monotonic(), worker.pool.struck_at if failure else None
        entry = record_of(claim, worker.node, outcome, cause, failure, round(now - started, 3))
        detected_after = None if struck_at is None else round(now - struck_at, 3)
        return entry.model_copy(update={"detected_after": detected_after})

    try:
        # A place as probe lasts as the attempt's lease does, and is renewed with it: a dead worker frees both.
        lasts = backend.store.lease_seconds
        guard = backend.registry.guard(*circuits_of(claim, worker.node), counted=(BrowserFailure,), probe_seconds=lasts)
        with guard, lease.renewing(guard.renew):
            try:
                result = run(worker, claim, lambda: lease.should_stop)
            except BrowserFailure:
                with contextlib.suppress(redis.RedisError):  # the circuits bear with its absence, so does this
                    queues = backend.presence.live_queues()
                    if others_serve(claim, queues):
                        guard.suspect(f"worker:{worker.node}")
                raise
    except CircuitOpenError as refusal:
        return carry_out(backend, claim, record("circuit_open", str(refusal)), on_open_circuit(backend, claim, refusal))
    except AttemptAborted:
        if lease.claim_state() == "cancelled":
            seconds = claim.claimed_at - claim.first_claimed_at + time.monotonic() - started
            why = backend.store.why_cancelled(claim.batch)
            backend.store.finish(claim, cancelled_verdict(claim.spec, claim.history, round(seconds, 3), why))
        elif lease.leaving:
            backend.store.give_back(claim)
        return None
    except TestFailure as failure:
        entry = record("failed", str(failure))
        keep_artefacts(worker, claim, entry)
        finish(backend, claim, entry, Outcome.FAILED, str(failure), failure.measurement or failure.own)
        return None
    except BrowserFailure as error:
        info = recovery.categorize_browser_failure(error, error.evidence)
        entry = record(info.failure_type.value, info.message, info)
        keep_artefacts(worker, claim, entry)
        return carry_out(backend, claim, entry, on_failure(backend, claim, info, entry, queues))
    except Exception as error:
        # A defect of ours must not cost the test its verdict: it is a failure of the infrastructure like any other.
        log.exception("%s:%s attempt %d", claim.batch, claim.test, claim.number)
        defect = InternalFailure(f"{type(error).__name__}: {error}", Evidence(browser=claim.browser))
        info = recovery.categorize_browser_failure(defect, defect.evidence)
        entry = record(info.failure_type.value, info.message, info)
        return carry_out(backend, claim, entry, on_failure(backend, claim, info, entry))
    if isinstance(result, OwnRun):
        keep_attached(worker, claim)
    finish(backend, claim, record("passed"), Outcome.PASSED, "", result)
    return None


def circuits_of(claim: Claim, node: str) -> tuple[str, ...]:
    """The circuits that must let this attempt through. Simulation needs no browser: no browser's trouble stops it."""
    if claim.browser is None:
        return (f"worker:{node}", "task:simulation")
    return (f"browser:{claim.browser.value}", f"worker:{node}", f"task:{claim.spec.task_type}")


def run(worker: WorkerProcess, claim: Claim, should_stop: Callable[[], bool]) -> Measurement | OwnRun:
    """Prepare the session as the attempt's level asks, then run the test in it."""
    if claim.browser is None:
        return simulate_test(claim.spec)
    worker.pool.begin_attempt()
    if claim.level is RecoveryLevel.MINIMAL:
        worker.pool.renew()
    elif claim.level in {RecoveryLevel.MODERATE, RecoveryLevel.AGGRESSIVE}:
        worker.pool.restart()
    if claim.spec.kind is TestKind.PYTHON:
        return run_own_test(
            claim.spec, claim.number, claim.browser, claim.adjustments, worker.pool, worker.hosts, should_stop
        )
    measurement = run_test(claim.spec, claim.number, claim.browser, claim.adjustments, worker.pool, should_stop)
    worker.sessions.saw(measurement.adapter)
    return measurement


def keep_artefacts(worker: WorkerProcess, claim: Claim, entry: AttemptRecord) -> None:
    """Keep what a failed attempt left, for reports. Never the reason why a test gets no verdict."""
    if claim.browser is None:
        return
    try:
        found = worker.pool.artefacts(entry.model_dump(mode="json"))
        worker.backend.artefacts.keep(claim.batch, claim.test, claim.number, found)
    except Exception:
        log.exception("%s:%s attempt %d: its artefacts were not kept", claim.batch, claim.test, claim.number)


def keep_attached(worker: WorkerProcess, claim: Claim) -> None:
    """Keep what a user's own test attached, though it passed."""
    try:
        worker.backend.artefacts.keep(claim.batch, claim.test, claim.number, worker.pool.attached)
    except redis.RedisError:
        log.exception("%s:%s attempt %d: its artefacts were not kept", claim.batch, claim.test, claim.number)
