"""Whose recovery counts for what."""

from __future__ import annotations

from jobs.exit_codes import ExitCode
from jobs.reports.summary import LevelCounts, summarise
from jobs.specs import Outcome
from recovery import BrowserType, RecoveryLevel
from tests.unit.reports.verdicts import attempt, verdict


def test_a_level_is_credited_with_the_attempt_that_gave_the_result_and_not_with_a_detour() -> None:
    way = (
        attempt(1, "crash"),
        attempt(2, "circuit_open", RecoveryLevel.MODERATE),
        attempt(3, "crash", RecoveryLevel.MODERATE),
        attempt(4, "passed", RecoveryLevel.AGGRESSIVE),
    )
    recoveries = summarise([verdict(attempts=way, recovered=True)], ()).recoveries
    assert recoveries[RecoveryLevel.MODERATE] == LevelCounts(tried=1, recovered=0)
    assert recoveries[RecoveryLevel.AGGRESSIVE] == LevelCounts(tried=1, recovered=1)
    assert recoveries[RecoveryLevel.MINIMAL] == LevelCounts(tried=0, recovered=0)


def test_outcomes_and_marks_are_counted_and_the_gravest_decides() -> None:
    summary = summarise(
        [
            verdict(recovered=True),
            verdict(degraded=True, browser=BrowserType.FIREFOX),
            verdict(simulated=True, browser=None),
            *(verdict(outcome=outcome) for outcome in Outcome),
        ],
        ("simulated",),
    )
    assert summary.total == 7
    assert summary.outcomes == {Outcome.PASSED: 4, Outcome.FAILED: 1, Outcome.ERROR: 1, Outcome.CANCELLED: 1}
    assert summary.marks == {"recovered": 1, "degraded": 1, "simulated": 1}
    assert summary.not_allowed == ("degraded",)
    assert summary.exit_code is ExitCode.INTERRUPTED
