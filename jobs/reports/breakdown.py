"""A batch's verdicts cut in the ways that reports show: by kind, by recovery, by reason. Counts only, no layout."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from jobs.specs import Outcome, Verdict
from recovery import FailureType, RecoveryLevel

_Key = TypeVar("_Key", bound=Hashable)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    good: int
    total: int

    @property
    def ratio(self) -> float | None:
        """From 0 to 1; None: of nothing."""
        return self.good / self.total if self.total else None


@dataclass(frozen=True)
class Reason:
    """Why tests did not pass, and which."""

    outcome: Outcome
    text: str
    tests: tuple[str, ...]


def success_by(verdicts: Iterable[Verdict], key: Callable[[Verdict], _Key]) -> dict[_Key, Share]:
    """Tests that passed, of those that came to an end, by what ``key`` says of a verdict."""
    passed: Counter[_Key] = Counter()
    ended: Counter[_Key] = Counter()
    for verdict in verdicts:
        if verdict.outcome is not Outcome.CANCELLED:
            ended[key(verdict)] += 1
            passed[key(verdict)] += verdict.outcome is Outcome.PASSED
    return {name: Share(passed[name], total) for name, total in ended.items()}


def was_hit(verdict: Verdict) -> bool:
    """Whether the infrastructure failed under the test at least once."""
    return any(entry.failure_type is not None for entry in verdict.attempts)


def recovered_by(verdicts: Iterable[Verdict], key: Callable[[Verdict], _Key]) -> dict[_Key, Share]:
    """Tests that got a result all the same, of those that the infrastructure failed under."""
    saved: Counter[_Key] = Counter()
    hit: Counter[_Key] = Counter()
    for verdict in verdicts:
        if verdict.outcome is not Outcome.CANCELLED and was_hit(verdict):
            hit[key(verdict)] += 1
            saved[key(verdict)] += verdict.outcome in {Outcome.PASSED, Outcome.FAILED}
    return {name: Share(saved[name], total) for name, total in hit.items()}


def levels_by_failure(verdicts: Iterable[Verdict]) -> dict[tuple[FailureType, RecoveryLevel], Share]:
    """Attempts at a level that gave the result, of those that followed a failure of a type."""
    gave: Counter[tuple[FailureType, RecoveryLevel]] = Counter()
    tried: Counter[tuple[FailureType, RecoveryLevel]] = Counter()
    for verdict in verdicts:
        last: FailureType | None = None
        for entry in verdict.attempts:
            if last is not None and entry.level is not None and entry.outcome != "circuit_open":
                tried[last, entry.level] += 1
                gave[last, entry.level] += entry.outcome in {"passed", "failed"}
            last = entry.failure_type or last
    return {cell: Share(gave[cell], total) for cell, total in tried.items()}


def reasons(verdicts: Iterable[Verdict]) -> list[Reason]:
    """Why tests did not pass, the most frequent reason first."""
    tests: dict[tuple[Outcome, str], list[str]] = defaultdict(list)
    for verdict in verdicts:
        if verdict.outcome in {Outcome.FAILED, Outcome.ERROR}:
            lines = verdict.reason.strip().splitlines()
            tests[verdict.outcome, lines[0] if lines else ""].append(verdict.test)
    found = [Reason(outcome, text, tuple(sorted(names))) for (outcome, text), names in tests.items()]
    return sorted(found, key=lambda one: (-len(one.tests), one.outcome, one.text))


def not_allowed(verdict: Verdict, allow: Iterable[str]) -> list[str]:
    """The marks that keep a passed test from counting as passed."""
    if verdict.outcome is not Outcome.PASSED:
        return []
    return [mark for mark in ("degraded", "simulated") if getattr(verdict, mark) and mark not in allow]
