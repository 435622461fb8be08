"""What to do after a failure, or at an open circuit: pure functions of what is known. Nothing here acts or looks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Reroute, Restart, Retry, Simulate
from recovery.adjustments import Adjustments, adjust, on_other_backend
from recovery.explain import explain
from recovery.failures import Evidence, FailureInfo
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, FailureType, ModelType, RecoveryLevel
from recovery.past import Past
from recovery.policy import BatchBudget, RecoveryPolicy

# Seconds that a test waits for workers of a farm that is starting, before it is tried again where it failed.
GATHERING_PAUSE = 2.0


class CircuitKind(StrEnum):
    """Whose circuit is open."""

    BROWSER = "browser"
    WORKER = "worker"
    TASK = "task"


class BatchSpent(BaseModel):
    """What a test's whole batch has cost so far, this failure included."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    tests: int = Field(ge=0)
    failures: int = Field(ge=0, description="failed attempts")
    elapsed: float = Field(ge=0, description="seconds since the batch was made")


class Situation(BaseModel):
    """The test and the farm as they stand when a decision is due."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    browser: BrowserType | None = Field(description="where the test is now; None: simulation")
    asked: BrowserType
    model_type: ModelType | None = Field(description="None: the test runs no model, it is a user's own")
    usable: tuple[BrowserType, ...] = Field(
        description="browsers with live workers and a circuit that lets calls through, the current one included"
    )
    simulation: bool = Field(description="the batch allows it, and it has workers")
    others: bool = Field(default=False, description="other workers than the present one serve the same queue")
    gathering: bool = Field(
        default=False, description="the farm is starting, and no other browser's worker has announced itself yet"
    )
    elapsed: float = Field(ge=0, description="seconds since the test was first claimed")
    batch: BatchSpent | None = Field(default=None, description="None: the test belongs to no batch")
    jitter: float = Field(default=0.0, ge=0, lt=1, description="a random number, so that deciding needs none")
    adjustments: Adjustments = Field(default=Adjustments(), description="what earlier levels adjusted")

    @field_validator("adjustments", mode="before")
    @classmethod
    def _none_is_empty(cls, value: object) -> object:
        return Adjustments() if value is None else value


def decide(
    failure: FailureInfo, history: Sequence[AttemptRecord], situation: Situation, policy: RecoveryPolicy
) -> Action:
    """The next step of a test whose latest attempt, the last of ``history``, failed.

    Levels are tried upwards from where the failure's recovery begins and the test already is; a level that is used
    up or makes no sense here is passed over. A test's own failure is never recovered.
    """
    action = _next_step(failure, Past.of(history), situation, policy)
    explain("after %s (attempt %d): %r", failure.failure_type, len(history), action)
    return action


def action_at(
    level: RecoveryLevel,
    failure: FailureInfo,
    history: Sequence[AttemptRecord],
    situation: Situation,
    policy: RecoveryPolicy,
) -> Action | None:
    """What this very level would do; None where it is used up or makes no sense."""
    return _at(level, failure, Past.of(history), situation, policy)


def decide_open_circuit(
    kind: CircuitKind | Literal["browser", "worker", "task"],
    retry_after: float,
    history: Sequence[AttemptRecord],
    situation: Situation,
    policy: RecoveryPolicy,
) -> Action:
    """Where a test goes that a circuit turned away: no failure of the test, so no level is used up.

    ``retry_after`` is in seconds. ``history`` may end with the record of the refusal or just before it.
    """
    past = Past.of(history)
    action = _way_round(CircuitKind(kind), retry_after, past, situation, policy)
    explain("open %s circuit (detour %d): %r", kind, past.detours, action)
    return action


def _next_step(failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action:
    start = policy.starts_at(failure.failure_type)
    if start is None:
        return GiveUp(reason=f"the test's own failure: {failure.message}")
    if spent := _budget_spent(past, situation, policy):
        return GiveUp(reason=f"{spent}; the last one failed: {failure.message}")
    if failure.evidence.worker_lost and situation.browser is None and not past.browsers and not past.detours:
        # A test that asked for no browser: level 5 is not its last resort but its place, and another worker runs it.
        return Simulate()
    for level in RecoveryLevel:
        if level >= max(start, past.highest) and (action := _at(level, failure, past, situation, policy)):
            return action
    if situation.others and len(past.workers) == 1:
        # It may be the worker that is sick: one that fails everything at once is always free to take the next test.
        return Reroute(seconds=policy.backoff.cap, reason="only one worker has tried it, and there are others")
    return GiveUp(reason=f"no recovery is left after attempt {past.attempts}; it failed: {failure.message}")


def _budget_spent(past: Past, situation: Situation, policy: RecoveryPolicy) -> str | None:
    if past.attempts >= policy.max_attempts:
        return f"all {policy.max_attempts} attempts are used up"
    if situation.elapsed >= policy.max_seconds:
        return f"the {policy.max_seconds:g} s for all attempts of a test are used up"
    return _batch_spent(situation.batch, policy.batch) if situation.batch else None


def _batch_spent(spent: BatchSpent, budget: BatchBudget) -> str | None:
    most = budget.most_failures(spent.tests)
    if spent.failures > most:
        return f"the batch's budget is used up: {most} failed attempts for {spent.tests} tests"
    if spent.elapsed >= budget.max_seconds:
        return f"the batch's budget of {budget.max_seconds:g} s is used up"
    return None


# The levels


def _at(
    level: RecoveryLevel, failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy
) -> Action | None:
    if past.times(level) < policy.limit(level):
        return _LEVELS[level](failure, past, situation, policy)
    if level is RecoveryLevel.AGGRESSIVE and policy.other_backend and policy.limit(level):
        return _leave_webgpu(failure, past, situation, policy)
    return None


def _retry(failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action | None:
    if _must_leave(past, situation, policy) or _session_is_gone(failure.evidence):
        return None
    wait = policy.backoff.seconds(past.times(RecoveryLevel.MINIMAL), situation.jitter)
    # A page that hangs is left behind: what comes is a new one, and time cures nothing.
    hung = failure.failure_type is FailureType.TIMEOUT and not failure.evidence.budget_spent
    return Retry(delay=0.0 if hung else wait)


def _restart(failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action | None:
    if _must_leave(past, situation, policy):
        return None
    return Restart(in_place=not failure.evidence.worker_lost)


def _adjust(failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action | None:
    if situation.browser is None or _must_leave(past, situation, policy):
        return None
    settings = adjust(failure, situation.browser, situation.model_type, situation.adjustments)
    return Adjust(browser=situation.browser, adjustments=settings)


def _leave_webgpu(failure: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action | None:
    """Level 3 once more, where its other settings did not help and the policy allows another backend."""
    if situation.browser is None or _must_leave(past, situation, policy):
        return None
    settings = on_other_backend(failure, situation.adjustments)
    return Adjust(browser=situation.browser, adjustments=settings) if settings else None


def _fall_back(_: FailureInfo, past: Past, situation: Situation, policy: RecoveryPolicy) -> Action | None:
    if others := _untried(past, situation, policy):
        return Fallback(browser=others[0])
    if situation.gathering and situation.browser is not None and set(_suitable(situation, policy)) - past.browsers:
        return Park(seconds=GATHERING_PAUSE, reason="no other browser's worker has announced itself yet")
    return None


def _simulate(_: FailureInfo, _past: Past, situation: Situation, _policy: RecoveryPolicy) -> Action | None:
    return Simulate() if situation.simulation else None


_Level = Callable[[FailureInfo, Past, Situation, RecoveryPolicy], Action | None]

_LEVELS: Mapping[RecoveryLevel, _Level] = {
    RecoveryLevel.MINIMAL: _retry,
    RecoveryLevel.MODERATE: _restart,
    RecoveryLevel.AGGRESSIVE: _adjust,
    RecoveryLevel.FALLBACK: _fall_back,
    RecoveryLevel.SIMULATION: _simulate,
}


def _session_is_gone(evidence: Evidence) -> bool:
    dead = evidence.browser_alive is False or evidence.driver_alive is False
    return evidence.worker_lost or dead or bool(evidence.browser_stopped)


def _must_leave(past: Past, situation: Situation, policy: RecoveryPolicy) -> bool:
    """Whether the current browser is out of the question: it can't be called, but another one can.

    Without another one the test may as well go on: the open circuit will park it.
    """
    if situation.browser is None:
        return True
    return situation.browser not in situation.usable and bool(_untried(past, situation, policy))


def _untried(past: Past, situation: Situation, policy: RecoveryPolicy) -> list[BrowserType]:
    """The browsers that level 4 may still take, the best first. The one asked for suits best, if it never ran."""
    if situation.browser is None or past.times(RecoveryLevel.FALLBACK) >= policy.limits.fallback:
        return []
    return [
        browser
        for browser in _suitable(situation, policy)
        if browser in situation.usable and browser not in past.browsers and browser != situation.browser
    ]


def _suitable(situation: Situation, policy: RecoveryPolicy) -> Sequence[BrowserType]:
    """The browsers that the test may run in, the best first."""
    return tuple(dict.fromkeys((situation.asked, *policy.browsers_for(situation.model_type))))


# Detours


def _way_round(
    kind: CircuitKind, retry_after: float, past: Past, situation: Situation, policy: RecoveryPolicy
) -> Action:
    reason = f"the {kind.value}'s circuit is open"
    if spent := _budget_spent(past, situation, policy):
        return GiveUp(reason=f"{spent}; {reason}")
    if past.detours >= policy.max_detours:
        if situation.browser is not None and situation.simulation and policy.limits.simulation:
            return Simulate()
        return GiveUp(reason=f"{reason}, after {past.detours} detours round open circuits")
    wait = policy.backoff.seconds(len(past.latest_detours), jitter=0.0)
    if kind is CircuitKind.WORKER:
        return Reroute(seconds=wait, reason=reason)
    if kind is CircuitKind.BROWSER:
        # Two browsers whose circuits flap would otherwise hand a test to each other without a pause.
        visited = {record.browser for record in past.latest_detours}
        for browser in _untried(past, situation, policy):
            if browser not in visited:
                return Fallback(browser=browser)
    # Never before the circuit may be probed, later each time, and apart from the others that wait for it.
    spread = 1 + policy.backoff.jitter * situation.jitter
    return Park(seconds=max(retry_after, wait) * spread, reason=reason)
