"""A test's way through the farm: claim → guard → run → record → decide → finish or send on.

The only file that knows batches, browsers, breakers and recovery at once. Whoever reads it knows the product.
"""

from __future__ import annotations

import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence

import redis
from celery import Task
from pydantic import ValidationError

import recovery
from breakers import BreakerError, CircuitOpenError
from jobs import recoveries, signing
from jobs.app import app
from jobs.batches import (
    AttemptName,
    Claim,
    HeldLease,
    NextAttempt,
    Refused,
    StaleAttempt,
    UnreadableTest,
    cancelled_verdict,
)
from jobs.browsers.failures import AttemptAborted, TestFailure
from jobs.browsers.runner import run_test, simulate_test
from jobs.own.runner import run_own_test
from jobs.plan import one_line
from jobs.routing import SIMULATION_QUEUE, browser_queue, queue_for
from jobs.settings import settings
from jobs.specs import Measurement, Outcome, OwnRun, TestKind, Verdict
from jobs.time_limit import killed_after
from jobs.worker import BOOTED_AT, Backend, WorkerProcess, is_dead_sibling, worker_process
from recovery import (
    AttemptRecord,
    BrowserFailure,
    BrowserType,
    Evidence,
    FailureInfo,
    Phase,
    RecoveryLevel,
    RecoveryPolicy,
)
from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Reroute, Restart, Retry, Simulate
from recovery.failures import InternalFailure
from recovery.statistics import observed

log = logging.getLogger("breakwater.tasks")

# Seconds an attempt waits for a circuit, however long that circuit says it stays open: then it looks again.
LONGEST_PARKING = 30.0
# Seconds that launching, renewing and closing a session may take, every wait of theirs used up.
LAUNCH_ALLOWANCE = 120.0
# Seconds that a process may go on after its lease ended for good; then it hangs, and is killed.
HANGING = 30.0
# Seconds in which a worker whose circuit opened leaves its queues (attendance.py looks each second).
REROUTE_PAUSE = 1.5
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
                    if others_serve(claim, backend.presence.live_queues()):
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
        return carry_out(backend, claim, entry, on_failure(backend, claim, info, entry))
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


def record_of(
    claim: Claim, node: str, outcome: str, cause: str, failure: FailureInfo | None, seconds: float
) -> AttemptRecord:
    """What the history keeps of an attempt."""
    return AttemptRecord(
        number=claim.number,
        level=claim.level,
        strategy=claim.strategy,
        browser=claim.browser,
        worker=node,
        outcome=outcome,
        failure_type=failure.failure_type if failure else None,
        cause=cause,
        started_at=claim.claimed_at,
        seconds=seconds,
    )


def circuits_of(claim: Claim, node: str) -> tuple[str, ...]:
    """The circuits that must let this attempt through. Simulation needs no browser: no browser's trouble stops it."""
    if claim.browser is None:
        return (f"worker:{node}", "task:simulation")
    return (f"browser:{claim.browser.value}", f"worker:{node}", f"task:{claim.spec.task_type}")


def others_serve(claim: Claim, queues: Mapping[str, Sequence[str]]) -> bool:
    """Whether other workers bear witness: what fails at this one alone is its own trouble, not the browser's.

    Else a worker that fails everything at once would open the circuits that all share, and park the whole farm.
    """
    return any(node != claim.owner.node for node in queues.get(queue_for(claim.browser), ()))


def run(worker: WorkerProcess, claim: Claim, should_stop: Callable[[], bool]) -> Measurement | OwnRun:
    """Prepare the session as the attempt's level asks, then run the test in it."""
    if claim.browser is None:
        return simulate_test(claim.spec)
    worker.pool.begin_attempt()
    if claim.level is RecoveryLevel.MINIMAL:
        worker.pool.renew()
    elif claim.level is RecoveryLevel.MODERATE:
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


# Deciding


def on_failure(backend: Backend, claim: Claim, failure: FailureInfo, entry: AttemptRecord) -> Action:
    """What recovery makes of a failure, given who is at work and which circuits let calls through."""
    store = backend.store
    failures = recoveries.count_failure(
        backend.client, claim.batch, prefix=store.prefix, expiry_seconds=store.expiry_seconds
    )
    situation = situation_of(backend, claim, failures)
    return recovery.decide(failure, (*claim.history, entry), situation, policy_of(claim))


def on_open_circuit(backend: Backend, claim: Claim, refusal: CircuitOpenError) -> Action:
    """A circuit refused the attempt: that is no failure of the test, it goes elsewhere or waits."""
    kind, _, _ = refusal.name.partition(":")
    situation = situation_of(
        backend, claim, recoveries.failures_of(backend.client, claim.batch, prefix=backend.store.prefix)
    )
    return recovery.decide_open_circuit(
        recovery.CircuitKind(kind), refusal.retry_after, claim.history, situation, policy_of(claim)
    )


def policy_of(claim: Claim) -> RecoveryPolicy:
    """The default policy with the batch's overrides."""
    return RecoveryPolicy.default().merged(claim.header.policy)


def situation_of(backend: Backend, claim: Claim, failures: int) -> recovery.Situation:
    """The farm as it stands: browsers with live workers whose circuit lets calls through. And the batch's budget."""
    queues = backend.presence.live_queues()
    manned = [browser for browser in BrowserType if queues.get(browser_queue(browser))]
    circuits = backend.registry.states(*(f"browser:{browser.value}" for browser in manned))
    return recovery.Situation(
        browser=claim.browser,
        asked=claim.spec.browser,
        model_type=claim.spec.model_type,
        usable=tuple(browser for browser in manned if not circuits[f"browser:{browser.value}"].retry_after),
        simulation="simulated" in claim.header.allow
        and bool(queues.get(SIMULATION_QUEUE))
        and claim.spec.kind is TestKind.MODEL,
        gathering=not set(manned) - {claim.browser} and time.monotonic() - BOOTED_AT < settings().gathering_seconds,
        others=others_serve(claim, queues),
        elapsed=max(0.0, claim.claimed_at - claim.first_claimed_at),
        batch=recovery.BatchSpent(
            tests=claim.header.total, failures=failures, elapsed=max(0.0, claim.claimed_at - claim.header.created_at)
        ),
        jitter=random.random(),
        adjustments=claim.adjustments,
    )


# Carrying out


def carry_out(backend: Backend, claim: Claim, entry: AttemptRecord, action: Action) -> Claim | None:
    """Do what was decided. Returns the claim of an attempt that follows in the same place, else None."""
    if isinstance(action, GiveUp):
        finish(backend, claim, entry, Outcome.ERROR, action.reason)
        return None
    store, following = backend.store, None
    match action:
        case Retry() | Restart(in_place=True):
            if isinstance(action, Retry):
                time.sleep(action.delay)
            following = store.next_in_place(claim, entry, action.level, action.strategy)
        case Restart() | Adjust() | Fallback() | Simulate():
            store.send_on(claim, entry, next_attempt(claim, action))
        case Park() | Reroute():
            # A rerouted test waits a moment too: until the sick worker has left the queue (attendance.py).
            seconds = max(action.seconds, REROUTE_PAUSE) if isinstance(action, Reroute) else action.seconds
            store.park(claim, entry, next_attempt(claim, action), min(seconds, LONGEST_PARKING))
    note_recovery(backend, claim, entry)
    return following


def next_attempt(claim: Claim, action: Restart | Adjust | Fallback | Simulate | Reroute | Park) -> NextAttempt:
    """Where the next attempt runs, and with which settings."""
    browser, adjustments = claim.browser, claim.adjustments
    if isinstance(action, Adjust):
        adjustments = action.adjustments
    elif isinstance(action, Fallback):
        browser = action.browser
    elif isinstance(action, Simulate):
        browser = None
    return NextAttempt(
        queue=queue_for(browser),
        browser=browser,
        level=action.level,
        strategy=action.strategy,
        adjustments=adjustments,
    )


def finish(
    backend: Backend,
    claim: Claim,
    entry: AttemptRecord,
    outcome: Outcome,
    reason: str,
    result: Measurement | OwnRun | None = None,
) -> None:
    """Write the test's verdict; a later attempt's verdict stands if there is one."""
    attempts = (*claim.history, entry)
    spec = claim.spec
    gave_result = outcome in {Outcome.PASSED, Outcome.FAILED}
    accepted = backend.store.finish(
        claim,
        Verdict(
            test=spec.id,
            outcome=outcome,
            reason=reason,
            asked_browser=spec.browser,
            browser=claim.browser if gave_result else None,
            kind=spec.kind,
            function=spec.python.function if spec.python else None,
            model=spec.model,
            model_type=spec.model_type,
            platform=spec.platform,
            degraded=gave_result and claim.browser not in {None, spec.browser},
            simulated=gave_result and claim.browser is None,
            recovered=outcome is Outcome.PASSED and had_failure(claim.history),
            measurement=result if isinstance(result, Measurement) else None,
            own=result if isinstance(result, OwnRun) else None,
            attempts=attempts,
            seconds=round(entry.started_at + entry.seconds - claim.first_claimed_at, 3),
        ),
    )
    if accepted:
        note_recovery(backend, claim, entry)


def had_failure(history: Sequence[AttemptRecord]) -> bool:
    """Whether the infrastructure failed under the test before; an open circuit's detour is no failure."""
    return any(entry.failure_type is not None for entry in history)


def note_recovery(backend: Backend, claim: Claim, entry: AttemptRecord) -> None:
    """Count the recovery that led to this attempt, if one did, and tell the browser's circuit how it ended."""
    seen = observed((*claim.history, entry), claim.spec.model_type)
    if seen is None:
        return
    try:
        recoveries.note(backend.client, seen, entry.started_at + entry.seconds, prefix=backend.store.prefix)
        if seen.kind.browser is not None:
            browser = seen.kind.browser.value
            backend.registry.get(f"browser:{browser}").record_recovery(
                method=seen.kind.strategy, browser=browser, level=int(seen.kind.level), succeeded=seen.succeeded
            )
    except (redis.RedisError, BreakerError) as error:  # figures must not cost a test its next attempt
        log.warning("a recovery was not counted: %s", error)


# What no worker can tell of itself: whoever runs the reaper calls these


def worker_lost(backend: Backend, claim: Claim) -> None:
    """An attempt's lease ran out: its worker died or hangs. That worker's circuit counts it, and the test goes on."""
    backend.registry.record(f"worker:{claim.owner.node}", failed=True)
    give_up_on(backend, claim, Evidence(worker_lost=True), f"the worker {claim.owner.node} was lost")


def nobody_serves(backend: Backend, claim: Claim) -> None:
    """A test waits where no worker is: its browser can't be launched anywhere."""
    give_up_on(backend, claim, Evidence(phase=Phase.LAUNCH), f"no worker serves the queue {claim.queue}")


def give_up_on(backend: Backend, claim: Claim, evidence: Evidence, cause: str) -> None:
    """Send on, or end, a test whose attempt nobody else will report of."""
    info = recovery.categorize_browser_failure(BrowserFailure(cause, evidence), evidence)
    entry = record_of(claim, claim.owner.node, info.failure_type.value, cause, info, 0.0)
    carry_out(backend, claim, entry, on_failure(backend, claim, info, entry))
