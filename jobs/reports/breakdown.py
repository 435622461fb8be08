"""What reports show of verdicts: success by kind, reasons, what is not allowed. Recoveries: recovery/statistics.py."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

from jobs.specs import Outcome, Verdict

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
