"""What must be true of recoveries and circuits after a run whose faults are known."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from jobs.chaos.load import KnownTest
from jobs.specs import Verdict
from recovery import AttemptRecord
from recovery.history import CIRCUIT_OPEN


def recovery_breaches(tests: Iterable[KnownTest], verdicts: Iterable[Verdict]) -> Iterator[str]:
    """Faults that were not seen as what they are, or not recovered from as the policy says."""
    by_test = {verdict.test: verdict for verdict in verdicts}
    for test in tests:
        verdict = by_test.get(test.spec.id)
        # A test that an open circuit turned away never met its fault.
        if test.recovery is None or verdict is None or _ran(verdict)[:1] != list(verdict.attempts[:1]):
            continue
        first, *later = verdict.attempts
        if first.failure_type is not test.recovery.failure:
            yield f"{verdict.test}: its fault was seen as {first.outcome}, must be {test.recovery.failure.value}"
            continue
        level = next((entry.level for entry in later if entry.level is not None), None)
        if level is None or level < test.recovery.level:
            yield f"{verdict.test}: recovered at level {level}, must be {test.recovery.level.value} or more"


def circuit_breaches(verdicts: Sequence[Verdict], circuits: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Browser circuits that did not count each call and each failure of the infrastructure, and those alone."""
    calls: Counter[str] = Counter()
    failures: Counter[str] = Counter()
    for entry in (entry for verdict in verdicts for entry in _ran(verdict)):
        if entry.browser is not None:
            calls[f"browser:{entry.browser.value}"] += 1
            failures[f"browser:{entry.browser.value}"] += entry.failure_type is not None
    for name in sorted(calls):
        told = circuits.get(name, {"executions": 0, "failures": 0})
        if (told["executions"], told["failures"]) != (calls[name], failures[name]):
            yield (
                f"circuit {name} counted {told['executions']} calls and {told['failures']} failures, "
                f"must be {calls[name]} and {failures[name]}"
            )


def _ran(verdict: Verdict) -> list[AttemptRecord]:
    return [entry for entry in verdict.attempts if entry.outcome != CIRCUIT_OPEN]
