"""What recovery makes of a failure or an open circuit, given the farm as it stands."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence

import recovery
from breakers import CircuitOpenError
from jobs import recoveries
from jobs.backend import BOOTED_AT, Backend
from jobs.batches import Claim
from jobs.routing import SIMULATION_QUEUE, browser_queue, queue_for
from jobs.settings import settings
from jobs.specs import TestKind
from recovery import AttemptRecord, BrowserType, FailureInfo, RecoveryPolicy
from recovery.actions import Action


def on_failure(
    backend: Backend,
    claim: Claim,
    failure: FailureInfo,
    entry: AttemptRecord,
    queues: Mapping[str, Sequence[str]] | None = None,
) -> Action:
    """What recovery makes of a failure, given who is at work and which circuits let calls through.

    ``queues``: who reads them, if that was asked just now.
    """
    store = backend.store
    failures = recoveries.count_failure(
        backend.client, claim.batch, prefix=store.prefix, expiry_seconds=store.expiry_seconds
    )
    situation = situation_of(backend, claim, failures, queues)
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


def situation_of(
    backend: Backend, claim: Claim, failures: int, queues: Mapping[str, Sequence[str]] | None = None
) -> recovery.Situation:
    """The farm as it stands: browsers with live workers whose circuit lets calls through. And the batch's budget."""
    queues = backend.presence.live_queues() if queues is None else queues
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


def others_serve(claim: Claim, queues: Mapping[str, Sequence[str]]) -> bool:
    """Whether other workers bear witness: what fails at this one alone is its own trouble, not the browser's.

    Else a worker that fails everything at once would open the circuits that all share, and park the whole farm.
    """
    return any(node != claim.owner.node for node in queues.get(queue_for(claim.browser), ()))
