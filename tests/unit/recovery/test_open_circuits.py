"""What is decided where a circuit turns a test away."""

from __future__ import annotations

import pytest

from recovery import CircuitKind, FailureType, decide_open_circuit
from recovery.actions import Fallback, GiveUp, Park, Reroute, Simulate
from tests.unit.recovery.makers import CHROME, EDGE, FIREFOX, POLICY, record, situation


def test_an_open_browser_sends_the_test_to_another_at_once() -> None:
    where = situation(usable=(FIREFOX, EDGE))
    assert decide_open_circuit(CircuitKind.BROWSER, 8.0, [], where, POLICY) == Fallback(browser=EDGE)


def test_a_browser_that_failed_before_is_no_way_out() -> None:
    history = [record(1, "crash", browser=FIREFOX), record(2, "circuit_open")]
    action = decide_open_circuit("browser", 8.0, history, situation(usable=(FIREFOX,)), POLICY)
    assert isinstance(action, Park)


def test_without_another_browser_the_test_waits_until_the_circuit_may_be_probed() -> None:
    waits = [
        decide_open_circuit(CircuitKind.BROWSER, 8.0, [], situation(usable=(), jitter=jitter), POLICY)
        for jitter in (0.0, 0.5)
    ]
    assert all(isinstance(wait, Park) for wait in waits)
    assert [wait.seconds for wait in waits if isinstance(wait, Park)] == [8.0, 10.0]


def test_a_circuit_that_may_be_probed_now_is_not_asked_in_a_busy_loop() -> None:
    action = decide_open_circuit(CircuitKind.TASK, 0.0, [record(1, "circuit_open")] * 3, situation(), POLICY)
    assert isinstance(action, Park)
    assert action.seconds == pytest.approx(1.6)


def test_two_flapping_browsers_do_not_hand_a_test_to_each_other() -> None:
    history = [record(1, "circuit_open"), record(2, "circuit_open", browser=FIREFOX)]
    action = decide_open_circuit(CircuitKind.BROWSER, 1.0, history, situation(browser=FIREFOX), POLICY)
    assert isinstance(action, Park)


def test_a_sick_worker_passes_the_test_on_and_waits_longer_each_time() -> None:
    waits = [
        decide_open_circuit(CircuitKind.WORKER, 8.0, [record(1, "circuit_open")] * times, situation(), POLICY)
        for times in range(3)
    ]
    assert all(isinstance(wait, Reroute) for wait in waits)
    assert [wait.seconds for wait in waits if isinstance(wait, Reroute)] == [0.2, 0.4, 0.8]


def test_a_family_of_models_that_fails_everywhere_waits() -> None:
    assert isinstance(decide_open_circuit(CircuitKind.TASK, 5.0, [], situation(), POLICY), Park)


@pytest.mark.parametrize("kind", CircuitKind)
def test_detours_end(kind: CircuitKind) -> None:
    detours = [record(1, "circuit_open")] * POLICY.max_detours
    assert isinstance(decide_open_circuit(kind, 1.0, detours, situation(), POLICY), GiveUp)
    assert decide_open_circuit(kind, 1.0, detours, situation(simulation=True), POLICY) == Simulate()


@pytest.mark.parametrize("kind", CircuitKind)
def test_time_ends_too(kind: CircuitKind) -> None:
    late = situation(elapsed=POLICY.max_seconds, simulation=True)
    assert isinstance(decide_open_circuit(kind, 1.0, [], late, POLICY), GiveUp)


def test_a_simulation_never_falls_back_to_a_browser() -> None:
    history = [record(1, FailureType.LAUNCH_FAILURE.value)]
    where = situation(browser=None, usable=(FIREFOX, EDGE))
    assert isinstance(decide_open_circuit(CircuitKind.BROWSER, 1.0, history, where, POLICY), Park)


def test_no_fallback_round_a_circuit_where_the_policy_forbids_it() -> None:
    policy = POLICY.merged({"limits": {"fallback": 0}})
    where = situation(browser=CHROME, usable=(FIREFOX,))
    assert isinstance(decide_open_circuit(CircuitKind.BROWSER, 1.0, [], where, policy), Park)
