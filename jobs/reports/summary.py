"""A batch in numbers: verdicts, marks, recoveries per level, and the exit code that follows from them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from jobs.batches.verdicts import CANCELLED
from jobs.exit_codes import ExitCode
from jobs.reports.thresholds import Comparison
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel


@dataclass(frozen=True)
class LevelCounts:
    """Attempts at a level of recovery, and those of them that gave the test its result."""

    tried: int
    recovered: int


@dataclass(frozen=True)
class Summary:
    """Counts over a batch's verdicts."""

    total: int
    outcomes: dict[Outcome, int]
    marks: dict[str, int]
    recoveries: dict[RecoveryLevel, LevelCounts]
    not_allowed: tuple[str, ...]
    exit_code: ExitCode


def summarise(verdicts: Iterable[Verdict], allow: Collection[str], comparison: Comparison | None = None) -> Summary:
    """Count the verdicts; ``allow`` names the marks (degraded, simulated) that may pass.

    A regression against the baseline counts like a failed test.
    """
    outcomes: Counter[Outcome] = Counter()
    marks: Counter[str] = Counter()
    tried: Counter[RecoveryLevel] = Counter()
    recovered: Counter[RecoveryLevel] = Counter()
    interrupted = False
    for verdict in verdicts:
        outcomes[verdict.outcome] += 1
        # A batch that was to end at its first failure did what it should: that failure is what counts.
        interrupted |= verdict.outcome is Outcome.CANCELLED and verdict.reason != CANCELLED["fail_fast"]
        marks.update(mark for mark in ("recovered", "degraded", "simulated") if getattr(verdict, mark))
        for entry in verdict.attempts:
            if entry.level is not None and entry.outcome != "circuit_open":
                tried[entry.level] += 1
                recovered[entry.level] += entry.outcome in {"passed", "failed"}
    not_allowed = tuple(mark for mark in ("degraded", "simulated") if marks[mark] and mark not in allow)
    return Summary(
        total=outcomes.total(),
        outcomes={outcome: outcomes[outcome] for outcome in Outcome},
        marks={mark: marks[mark] for mark in ("recovered", "degraded", "simulated")},
        recoveries={level: LevelCounts(tried[level], recovered[level]) for level in RecoveryLevel},
        not_allowed=not_allowed,
        exit_code=_exit_code(
            outcomes, interrupted, is_spoilt=bool(not_allowed or (comparison and comparison.regressions))
        ),
    )


def is_green(verdict: Verdict, allow: Collection[str]) -> bool:
    """Whether the verdict is as the batch wants it."""
    marks = {"degraded": verdict.degraded, "simulated": verdict.simulated}
    return verdict.outcome is Outcome.PASSED and not any(marks[mark] and mark not in allow for mark in marks)


def _exit_code(outcomes: Counter[Outcome], interrupted: bool, *, is_spoilt: bool) -> ExitCode:
    if interrupted:
        return ExitCode.INTERRUPTED
    if outcomes[Outcome.ERROR]:
        return ExitCode.INFRASTRUCTURE
    if outcomes[Outcome.FAILED] or is_spoilt:
        return ExitCode.FAILED
    return ExitCode.PASSED
