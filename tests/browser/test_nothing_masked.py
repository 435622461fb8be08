"""A test's own failure comes out as such, whatever the infrastructure suffers meanwhile."""

from __future__ import annotations

from collections import Counter

import pytest

from jobs.specs import Outcome
from tests.browser.planted import run


@pytest.mark.parametrize("count", [10, pytest.param(200, marks=[pytest.mark.night, pytest.mark.timeout(1800)])])
def test_planted_failures_among_faults_all_fail_and_trip_no_circuit(count: int) -> None:
    verdicts, circuits = run(count)
    assert Counter(verdict.outcome for verdict in verdicts) == {Outcome.FAILED: count}
    struck = [verdict for verdict in verdicts if verdict.attempts[0].failure_type is not None]
    assert len(struck) >= 0.3 * count, "too few faults struck"
    # Circuits count the faults that struck, and nothing else.
    faults = sum(1 for verdict in verdicts for entry in verdict.attempts if entry.failure_type is not None)
    counted = sum(one["failures"] for name, one in circuits.items() if name.startswith("browser:"))
    assert counted == faults
    assert all(one["circuit_open_count"] == 0 for one in circuits.values())
