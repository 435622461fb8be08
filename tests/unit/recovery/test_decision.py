"""What is decided after a failure, by example. The properties are in test_decision_properties.py."""

from __future__ import annotations

import pytest

from recovery import Adjustments, BatchSpent, FailureType, ModelType, adjust, decide, decide_open_circuit
from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Restart, Retry, Simulate
from recovery.adjustments import on_other_backend
from tests.unit.recovery.makers import CHROME, EDGE, FIREFOX, POLICY, SAFARI, failure, record, situation

SOFTER = Adjust(browser=CHROME, adjustments=situation().adjustments)
RESTART = Restart(in_place=True)
RETRY = Retry(delay=0.2)


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        (FailureType.LAUNCH_FAILURE, Fallback),
        (FailureType.CONNECTION_FAILURE, Restart),
        (FailureType.TIMEOUT, Retry),
        (FailureType.CRASH, Restart),
        (FailureType.RESOURCE_EXHAUSTION, Adjust),
        (FailureType.GPU_ERROR, Adjust),
        (FailureType.API_ERROR, Fallback),
        (FailureType.INTERNAL_ERROR, Restart),
        (FailureType.TEST_FAILURE, GiveUp),
    ],
)
def test_a_first_failure_begins_at_its_level(kind: FailureType, action: type[Action]) -> None:
    assert isinstance(decide(failure(kind), [record(1)], situation(), POLICY), action)


def test_the_same_failure_again_climbs_level_by_level() -> None:
    history = [record(1)]
    seen: list[Action] = []
    for number in range(2, 5):
        seen.append(decide(failure(), history, situation(), POLICY))
        history.append(record(number, by=seen[-1]))
    assert [action.level for action in seen] == [1, 2, 3]
    assert decide(failure(), history, situation(), POLICY) == Fallback(browser=FIREFOX)


def test_a_milder_failure_later_does_not_go_down_again() -> None:
    history = [record(1, "gpu"), record(2, "timeout", by=SOFTER)]
    assert decide(failure(FailureType.TIMEOUT), history, situation(), POLICY) == Fallback(browser=FIREFOX)


def test_level_3_keeps_what_was_adjusted_before() -> None:
    action = decide(failure(FailureType.GPU_ERROR), [record(1)], situation(), POLICY)
    assert isinstance(action, Adjust)
    assert action.browser is CHROME
    assert action.adjustments.software_adapter


@pytest.mark.parametrize("evidence", [{"browser_alive": False}, {"driver_alive": False}, {"browser_stopped": True}])
def test_a_session_that_is_gone_is_not_retried_in(evidence: dict[str, bool]) -> None:
    assert decide(failure(FailureType.TIMEOUT, **evidence), [record(1)], situation(), POLICY) == RESTART


def test_a_lost_workers_browser_is_restarted_elsewhere() -> None:
    lost = failure(FailureType.CRASH, worker_lost=True)
    assert decide(lost, [record(1)], situation(), POLICY) == Restart(in_place=False)


def test_fallback_follows_the_model_types_order() -> None:
    for model, browser in ((ModelType.TEXT, EDGE), (ModelType.AUDIO, FIREFOX)):
        where = situation(model_type=model, usable=(CHROME, FIREFOX, EDGE, SAFARI))
        action = decide(failure(FailureType.LAUNCH_FAILURE), [record(1)], where, POLICY)
        assert action == Fallback(browser=browser)


def test_fallback_takes_only_usable_browsers() -> None:
    where = situation(model_type=ModelType.TEXT, usable=(CHROME, SAFARI))
    action = decide(failure(FailureType.LAUNCH_FAILURE), [record(1)], where, POLICY)
    assert action == Fallback(browser=SAFARI)


def test_while_a_farm_gathers_a_test_waits_for_another_browsers_worker() -> None:
    launch, alone = failure(FailureType.LAUNCH_FAILURE), situation(usable=(CHROME,), gathering=True, simulation=True)
    action = decide(launch, [record(1, "launch")], alone, POLICY)
    assert isinstance(action, Park)
    assert "announced" in action.reason
    here = situation(usable=(CHROME, FIREFOX), gathering=True)
    assert decide(launch, [record(1, "launch")], here, POLICY) == Fallback(browser=FIREFOX)


def test_who_waits_for_other_workers_ends_with_its_budget() -> None:
    tried = [record(number, "launch") for number in range(1, POLICY.max_attempts + 1)]
    where = situation(usable=(CHROME,), gathering=True)
    assert isinstance(decide(failure(FailureType.LAUNCH_FAILURE), tried, where, POLICY), GiveUp)


def test_the_browser_asked_for_is_the_first_choice_if_it_never_ran() -> None:
    history = [record(1, "circuit_open"), record(2, "launch", by=Fallback(browser=FIREFOX), browser=FIREFOX)]
    where = situation(browser=FIREFOX, model_type=ModelType.TEXT, usable=(CHROME, FIREFOX, EDGE))
    assert decide(failure(FailureType.LAUNCH_FAILURE), history, where, POLICY) == Fallback(browser=CHROME)


def test_a_browser_that_cannot_be_called_any_more_is_left_at_once() -> None:
    where = situation(usable=(FIREFOX,))
    assert decide(failure(FailureType.TIMEOUT), [record(1)], where, POLICY) == Fallback(browser=FIREFOX)


def test_without_another_browser_the_one_that_cannot_be_called_is_kept() -> None:
    assert isinstance(decide(failure(FailureType.TIMEOUT), [record(1)], situation(usable=()), POLICY), Retry)


def test_the_last_resort_is_simulation_where_it_is_allowed() -> None:
    launch, alone = failure(FailureType.LAUNCH_FAILURE), {"usable": (CHROME,)}
    assert decide(launch, [record(1)], situation(**alone, simulation=True), POLICY) == Simulate()
    end = decide(launch, [record(1)], situation(**alone), POLICY)
    assert isinstance(end, GiveUp)
    assert "it broke" in end.reason


def test_a_failed_simulation_is_the_end() -> None:
    history = [record(1, "launch"), record(2, "internal", by=Simulate(), browser=None)]
    where = situation(browser=None, simulation=True)
    assert isinstance(decide(failure(FailureType.INTERNAL_ERROR), history, where, POLICY), GiveUp)


def test_a_test_that_asked_for_no_browser_outlives_its_worker_as_often_as_the_budget_allows() -> None:
    lost = failure(FailureType.CRASH, worker_lost=True)
    history = [record(number, "crash", browser=None) for number in range(1, POLICY.max_attempts)]
    assert isinstance(decide(lost, history, situation(browser=None), POLICY), Simulate)
    ended = [*history, record(POLICY.max_attempts, "crash", browser=None)]
    assert isinstance(decide(lost, ended, situation(browser=None), POLICY), GiveUp)
    assert isinstance(decide(failure(FailureType.CRASH), history[:1], situation(browser=None), POLICY), GiveUp)


def test_a_level_switched_off_is_passed_over() -> None:
    policy = POLICY.merged({"limits": {"minimal": 0, "moderate": 0, "aggressive": 0}})
    assert decide(failure(), [record(1)], situation(), policy) == Fallback(browser=FIREFOX)


def test_no_fallback_where_the_policy_forbids_it() -> None:
    policy = POLICY.merged({"limits": {"fallback": 0}})
    launch = failure(FailureType.LAUNCH_FAILURE)
    assert isinstance(decide(launch, [record(1)], situation(), policy), GiveUp)


def test_budgets_end_a_test() -> None:
    eight = [record(number) for number in range(1, 9)]
    assert isinstance(decide(failure(), eight, situation(), POLICY), GiveUp)
    late = decide(failure(), [record(1)], situation(elapsed=POLICY.max_seconds), POLICY)
    assert isinstance(late, GiveUp)
    assert "600 s" in late.reason


def test_retries_wait_longer_each_time_and_differ_by_jitter() -> None:
    policy, slow = POLICY.merged({"limits": {"minimal": 3}}), failure(budget_spent=True)
    first = decide(slow, [record(1)], situation(), policy)
    second = decide(slow, [record(1), record(2, by=RETRY)], situation(), policy)
    assert (first, second) == (Retry(delay=0.2), Retry(delay=0.4))
    jittered = decide(slow, [record(1)], situation(jitter=0.5), policy)
    assert isinstance(jittered, Retry)
    assert jittered.delay == pytest.approx(0.15)


def test_after_a_hang_nothing_is_waited_for() -> None:
    assert decide(failure(), [record(1)], situation(), POLICY) == Retry(delay=0.0)
    lost = POLICY.merged({"start_level": {"connection": 1}})
    assert decide(failure(FailureType.CONNECTION_FAILURE), [record(1)], situation(), lost) == RETRY


ELSEWHERE = POLICY.merged({"other_backend": True})
SOFTWARE = adjust(failure(FailureType.GPU_ERROR), CHROME, ModelType.VISION, Adjustments())
AFTER_SOFTWARE = [record(1, "gpu"), record(2, "gpu", by=SOFTER)]


def test_webgpu_is_left_for_wasm_once_the_software_adapter_did_not_help_and_the_policy_allows_it() -> None:
    gpu, where = failure(FailureType.GPU_ERROR), situation(adjustments=SOFTWARE)
    assert decide(gpu, [record(1, "gpu")], situation(), ELSEWHERE) == Adjust(browser=CHROME, adjustments=SOFTWARE)
    left = decide(gpu, AFTER_SOFTWARE, where, ELSEWHERE)
    assert isinstance(left, Adjust)
    assert (left.adjustments.other_backend, left.adjustments.software_adapter) == (True, True)
    # Once; and never where the policy doesn't say so, level 3 is switched off, or another thing failed.
    again = [*AFTER_SOFTWARE, record(3, "gpu", by=left)]
    assert isinstance(decide(gpu, again, situation(adjustments=left.adjustments), ELSEWHERE), Fallback)
    assert isinstance(decide(gpu, AFTER_SOFTWARE, where, POLICY), Fallback)
    off = ELSEWHERE.merged({"limits": {"aggressive": 0}})
    assert isinstance(decide(gpu, [record(1, "gpu")], situation(), off), Fallback)
    assert isinstance(decide(failure(FailureType.CRASH), AFTER_SOFTWARE, where, ELSEWHERE), Fallback)


def test_another_browser_is_asked_for_webgpu_again() -> None:
    left = on_other_backend(failure(FailureType.GPU_ERROR), SOFTWARE)
    assert left is not None
    assert not left.in_another_browser().other_backend
    assert left.in_another_browser().software_adapter


def test_a_detour_keeps_the_level_that_it_began_with() -> None:
    """Level 3 sent the test to its queue, a sick worker's circuit sent it on: it still is level 3's attempt."""
    history = [record(1, "gpu"), record(2, "circuit_open", by=SOFTER), record(3, "gpu")]
    assert decide(failure(FailureType.GPU_ERROR), history, situation(), POLICY) == Fallback(browser=FIREFOX)


def test_a_test_whose_first_browser_was_shut_off_has_all_levels_before_it() -> None:
    history = [record(1, "circuit_open"), record(2, by=Fallback(browser=FIREFOX), browser=FIREFOX)]
    assert isinstance(decide(failure(), history, situation(browser=FIREFOX), POLICY), Retry)


@pytest.mark.parametrize(
    ("spent", "words"),
    [
        (
            BatchSpent(tests=10, failures=51, elapsed=1.0),
            "the batch's budget is used up: 50 failed attempts for 10 tests",
        ),
        (BatchSpent(tests=100, failures=401, elapsed=1.0), "400 failed attempts for 100 tests"),
        (BatchSpent(tests=10, failures=1, elapsed=86_400.0), "the batch's budget of 86400 s is used up"),
    ],
)
def test_a_batch_that_costs_too_much_ends_and_says_so(spent: BatchSpent, words: str) -> None:
    action = decide(failure(), [record(1)], situation(batch=spent), POLICY)
    assert isinstance(action, GiveUp)
    assert words in action.reason
    assert isinstance(decide_open_circuit("browser", 1.0, [record(1)], situation(batch=spent), POLICY), GiveUp)


def test_a_batch_within_its_budget_goes_on() -> None:
    spent = BatchSpent(tests=10, failures=50, elapsed=1.0)
    assert not isinstance(decide(failure(), [record(1)], situation(batch=spent), POLICY), GiveUp)
