"""What is observed of a recovery, how it is tallied, and the rates, intervals and times that come of it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recovery import AttemptRecord, BrowserType, FailureType, ModelType
from recovery.actions import Adjust, Fallback, Restart, Retry, Simulate
from recovery.adjustments import Adjustments
from recovery.statistics import (
    BUCKETS,
    Observation,
    RecoveryKind,
    RecoverySummary,
    Tally,
    observations,
    observed,
    wilson,
)
from tests.unit.recovery.makers import CHROME, FIREFOX, record

CRASH = {"outcome": "crash", "failure_type": FailureType.CRASH}
RETRY, RESTART = Retry(delay=0.1), Restart(in_place=True)
TEXT = ModelType.TEXT


def history(*records: AttemptRecord) -> tuple[AttemptRecord, ...]:
    return records


def test_a_first_attempt_and_one_that_never_ran_tell_nothing_of_recovery() -> None:
    assert observed(history(record(1, **CRASH)), TEXT) is None
    assert observed(history(record(1, **CRASH), record(2, "circuit_open", by=RESTART)), TEXT) is None
    assert observed(history(record(1, "circuit_open"), record(2, "passed")), TEXT) is None


def test_a_recovery_is_timed_from_the_failure_to_the_result() -> None:
    first = record(1, **CRASH, started_at=1000.0, seconds=2.0)
    seen = observed(history(first, record(2, "passed", by=RESTART, started_at=1003.0, seconds=1.5)), TEXT)
    assert seen == Observation(
        kind=RecoveryKind(
            strategy="browser_restart", level=RESTART.level, browser=CHROME, model_type=TEXT, category="crash"
        ),
        succeeded=True,
        seconds=2.5,
    )


def test_a_browser_that_came_back_to_fail_the_test_was_recovered() -> None:
    seen = observed(history(record(1, **CRASH), record(2, "failed", by=RESTART)), TEXT)
    assert seen is not None
    assert seen.succeeded


def test_each_recovery_of_a_history_belongs_to_the_failure_right_before_it() -> None:
    hung = {"outcome": "timeout", "failure_type": FailureType.TIMEOUT}
    way = history(
        record(1, **hung),
        record(2, by=RETRY, **CRASH),
        record(3, by=RESTART, **CRASH),
        record(4, "circuit_open", by=Adjust(browser=CHROME, adjustments=Adjustments())),
        record(5, "passed", by=Fallback(browser=FIREFOX), browser=FIREFOX),
    )
    assert [(one.kind.level, one.kind.category, one.succeeded) for one in observations(way, TEXT)] == [
        (1, "timeout", False),
        (2, "crash", False),
        (4, "circuit_open", True),
    ]


def test_a_simulation_counts_apart() -> None:
    way = history(record(1, **CRASH), record(2, "passed", by=Simulate(), browser=None))
    figures = RecoverySummary.of_histories([(way, TEXT)])
    assert figures.total.attempts == 0
    assert figures.total.rate is None
    assert figures.simulated.successes == 1
    assert figures.by_level[5].rate == 1.0
    assert figures.by_browser == {}
    assert [cell.kind.browser for cell in figures.cells] == [None]


def test_figures_add_up_in_every_way() -> None:
    good = history(record(1, **CRASH), record(2, "passed", by=RESTART))
    bad = history(record(1, **CRASH, browser=FIREFOX), record(2, by=RESTART, browser=FIREFOX, **CRASH))
    figures = RecoverySummary.of_histories([(good, TEXT), (good, ModelType.AUDIO), (bad, TEXT)])
    assert (figures.total.attempts, figures.total.successes) == (3, 2)
    assert figures.by_strategy.keys() == {"browser_restart"}
    assert figures.by_level[2].rate == pytest.approx(2 / 3)
    assert {name: one.rate for name, one in figures.by_browser.items()} == {"chrome": 1.0, "firefox": 0.0}
    assert figures.by_browser_and_model_type["chrome"]["audio"].attempts == 1
    assert figures.by_category["crash"].attempts == 3
    assert RecoverySummary.model_validate_json(figures.model_dump_json()) == figures


@pytest.mark.parametrize(
    ("successes", "attempts", "low", "high"),
    # Reference values: R's binom::binom.wilson, and Brown, Cai and DasGupta (2001).
    [(0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (5, 10, 0.2366, 0.7634), (29, 30, 0.8333, 0.9941), (0, 0, 0.0, 1.0)],
)
def test_wilsons_interval_is_as_published(successes: int, attempts: int, low: float, high: float) -> None:
    assert wilson(successes, attempts) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))


@given(st.integers(0, 1000), st.integers(1, 1000))
def test_an_interval_holds_its_rate(successes: int, attempts: int) -> None:
    successes = min(successes, attempts)
    low, high = wilson(successes, attempts)
    assert 0 <= low <= successes / attempts + 1e-12
    assert successes / attempts - 1e-12 <= high <= 1


def timed(seconds: float) -> Observation:
    kind = RecoveryKind(strategy="s", level=RETRY.level, browser=CHROME, model_type=TEXT, category="crash")
    return Observation(kind=kind, succeeded=True, seconds=seconds)


@given(st.lists(st.floats(0.1, 500), min_size=1, max_size=200), st.sampled_from([0.5, 0.95]))
def test_a_quantile_from_buckets_is_near_the_true_one(times: list[float], share: float) -> None:
    told = Tally.of(map(timed, times)).seconds(share)
    true = sorted(times)[math.ceil(share * len(times)) - 1]
    assert told is not None
    assert true / 1.26 <= told <= true * 1.26


@given(st.lists(st.floats(0, 2000), max_size=50), st.lists(st.floats(0, 2000), max_size=50))
def test_tallies_add_up_as_their_observations_do(some: list[float], others: list[float]) -> None:
    added = Tally.of(map(timed, some)) + Tally.of(map(timed, others))
    assert added == Tally.of(map(timed, [*some, *others]))
    assert all(0 <= bucket <= len(BUCKETS) for bucket in added.buckets)


def test_nothing_observed_says_nothing() -> None:
    figures = RecoverySummary.of({})
    assert figures.total.rate is None
    assert figures.total.seconds_p50 is None
    assert figures.cells == ()
    assert BrowserType.CHROME.value not in figures.by_browser
