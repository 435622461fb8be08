"""A worker that fails everything at once is always free to take the next test: it must not eat the batch."""

from __future__ import annotations

from breakers import CircuitState
from tests.integration.farm.conftest import QuickFarm


def test_a_black_hole_takes_few_tests_and_the_batch_is_green(quick_farm: QuickFarm) -> None:
    sick, well = quick_farm.worker("sick", QUICK_FAILS="1"), quick_farm.worker("well")
    quick_farm.client.at_work(sick, well)
    quick_farm.publish(*(f"sleep-200-{number}" for number in range(24)))
    quick_farm.until_finished()
    assert quick_farm.client.outcomes("b") == {"passed": 24}
    hits = sorted(
        (attempt.started_at, verdict.test)
        for verdict in quick_farm.client.verdicts("b")
        for attempt in verdict.attempts
        if attempt.worker == sick.name and attempt.outcome == "crash"
    )
    # Its circuit lets a probe through after ten seconds; that one comes after the quarantine.
    before_quarantine = {test for at, test in hits if at < hits[0][0] + 9}
    assert 1 <= len(before_quarantine) <= 3
    # What all workers share stayed open to the healthy one.
    states = quick_farm.client.backend.registry.get_metrics()["circuits"]
    assert states["task:simulation"]["circuit_open_count"] == 0
    assert states[f"worker:{sick.name}"]["current_state"] != CircuitState.CLOSED
