"""The plan of kills: a seed determines it, and it spares what is only just starting."""

from __future__ import annotations

from itertools import islice

from hypothesis import given
from hypothesis import strategies as st

from jobs.chaos.crew import crew_of
from jobs.chaos.load import faulty_tests, mixed_tests
from jobs.chaos.strikes import Strike, strikes
from jobs.chaos.victims import Victim
from jobs.specs import Outcome, Platform
from recovery import BrowserType

BOTH = (BrowserType.CHROME, BrowserType.FIREFOX)


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=50))
def test_a_seed_determines_the_plan_and_redis_is_struck_once(seed: int, redis_strike: int) -> None:
    plan = list(islice(strikes(seed, 2.0, redis_strike), 50))
    assert plan == list(islice(strikes(seed, 2.0, redis_strike), 50))
    assert [strike.at for strike in plan] == [2.0 * number for number in range(1, 51)]
    assert [strike.number for strike in plan if strike.victim is Victim.REDIS] == [redis_strike]


def test_different_seeds_give_different_plans_and_every_kind_is_struck() -> None:
    plans = [list(islice(strikes(seed, 2.0, 1), 60)) for seed in range(3)]
    assert plans[0] != plans[1] != plans[2]
    assert {strike.victim for strike in plans[0]} == set(Victim)


def test_a_strike_chooses_by_its_plan_and_never_a_whole_worker_for_another_kind() -> None:
    strike = Strike(1, 2.0, Victim.BROWSER, 0.6)
    assert strike.choose({Victim.BROWSER: ["a", "b", "c"]}) == (Victim.BROWSER, "b")
    assert strike.choose({Victim.CHILD: ["child"], Victim.WORKER: ["main"]}) == (Victim.CHILD, "child")
    assert strike.choose({Victim.WORKER: ["main"]}) is None


def test_a_load_has_every_kind_of_test_and_no_test_twice() -> None:
    tests = list(mixed_tests(500, BOTH))
    assert len({test.spec.id for test in tests}) == 500
    assert sum(test.spec.simulate for test in tests) == 250
    for browser in BOTH:
        in_browser = [test for test in tests if test.spec.browser is browser and not test.spec.simulate]
        assert {test.outcome for test in in_browser} == {Outcome.PASSED, Outcome.FAILED}


def test_a_load_with_faults_has_every_fault_and_can_do_without() -> None:
    tests = list(faulty_tests(30, BOTH, (Platform.WASM,)))
    assert len({test.spec.faults[0].kind for test in tests if test.spec.faults}) == 4
    assert any(test.outcome is Outcome.FAILED for test in tests)
    assert not any(test.spec.faults for test in faulty_tests(30, BOTH, (Platform.WASM,), faults=False))


def test_a_crew_has_every_browser_that_is_asked_for_and_those_to_fall_back_to() -> None:
    chrome, firefox = BOTH
    assert crew_of(BOTH, 5) == [chrome, firefox, chrome, firefox, chrome]
    assert crew_of(BOTH, 1) == [chrome, firefox]
    assert crew_of([firefox], 2, others=BOTH) == [firefox, firefox, chrome]
