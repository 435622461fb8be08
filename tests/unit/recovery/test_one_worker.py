"""What only one worker has tried is not given up while there are others."""

from __future__ import annotations

import pytest

from recovery import AttemptRecord, BrowserType, Evidence, ModelType, RecoveryPolicy, Situation, decide
from recovery import categorize_browser_failure as categorize
from recovery.actions import GiveUp, Reroute
from recovery.failures import LaunchFailure


@pytest.mark.parametrize(
    ("workers", "others", "expected"),
    [(["w1"], True, Reroute), (["w1", "w1"], True, Reroute), (["w1", "w2"], True, GiveUp), (["w1"], False, GiveUp)],
)
def test_a_launch_that_failed_on_one_worker_alone_goes_to_another(
    workers: list[str], others: bool, expected: type
) -> None:
    error = LaunchFailure("no such binary", Evidence())
    history = [
        AttemptRecord(
            number=number,
            browser=BrowserType.CHROME,
            worker=worker,
            outcome="launch",
            started_at=0.0,
            seconds=0.1,
        )
        for number, worker in enumerate(workers, start=1)
    ]
    situation = Situation(
        browser=BrowserType.CHROME,
        asked=BrowserType.CHROME,
        model_type=ModelType.TEXT,
        usable=(BrowserType.CHROME,),
        simulation=False,
        others=others,
        elapsed=1.0,
    )
    action = decide(categorize(error, error.evidence), history, situation, RecoveryPolicy.default())
    assert isinstance(action, expected)
