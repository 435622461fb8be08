"""What becomes of an attempt: the test is sent on, parked, or given its verdict, and the recovery is counted."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

import redis

import recovery
from breakers import BreakerError
from jobs import recoveries
from jobs.backend import Backend
from jobs.batches import Claim, NextAttempt
from jobs.deciding import on_failure
from jobs.routing import queue_for
from jobs.specs import Measurement, Outcome, OwnRun, Verdict
from recovery import AttemptRecord, BrowserFailure, Evidence, FailureInfo, Phase
from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Reroute, Restart, Retry, Simulate
from recovery.statistics import observed

log = logging.getLogger("breakwater.tasks")

# Seconds an attempt waits for a circuit, however long that circuit says it stays open: then it looks again.
LONGEST_PARKING = 30.0
# Seconds in which a worker whose circuit opened leaves its queues (attendance.py looks each second).
REROUTE_PAUSE = 1.5


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
        browser, adjustments = action.browser, adjustments.in_another_browser()
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
            degraded=gave_result and spec.is_degraded(claim.browser, claim.adjustments),
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
