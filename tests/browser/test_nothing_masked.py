"""A test's own failure comes out as such, whatever the infrastructure suffers meanwhile. (200 of them: planted.py.)"""

from __future__ import annotations

from collections import Counter

from jobs.specs import Outcome
from tests.browser.planted import run


def test_planted_failures_among_faults_all_fail_and_trip_no_circuit() -> None:
    verdicts, circuits = run(20)
    assert Counter(verdict.outcome for verdict in verdicts) == {Outcome.FAILED: 20}
    broken = [verdict for verdict in verdicts if len(verdict.attempts) > 1]
    assert broken, "no fault struck"
    # Circuits count the faults that struck, and nothing else.
    faults = sum(1 for verdict in verdicts for entry in verdict.attempts if entry.failure_type is not None)
    counted = sum(one["failures"] for name, one in circuits.items() if name.startswith("browser:"))
    assert counted == faults
    assert all(one["circuit_open_count"] == 0 for one in circuits.values())
