"""Whatever happens to a test, recovery's decisions keep their promises: played through as the farm plays them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle, islice

from hypothesis import given, settings
from hypothesis import strategies as st

from recovery import (
    Adjustments,
    AttemptRecord,
    BatchSpent,
    BrowserType,
    CircuitKind,
    Evidence,
    FailureInfo,
    FailureType,
    ModelType,
    RecoveryLevel,
    RecoveryPolicy,
    Situation,
    decide,
    decide_open_circuit,
)
from recovery.actions import Action, Adjust, Fallback, GiveUp, Park, Reroute, Simulate
from tests.unit.recovery.makers import POLICY, failure

evidences = st.builds(
    Evidence,
    browser_alive=st.none() | st.booleans(),
    driver_alive=st.none() | st.booleans(),
    browser_stopped=st.none() | st.booleans(),
    worker_lost=st.booleans(),
)
kinds = st.sampled_from([kind for kind in FailureType if kind is not FailureType.TEST_FAILURE])
failures = st.builds(lambda kind, seen: failure(kind, **seen.model_dump()), kinds, evidences)
# What happens to a test, over and over until it ends.
happenings = st.lists(st.one_of(failures, st.sampled_from(CircuitKind)), min_size=1, max_size=8)
usables = st.lists(st.sampled_from(BrowserType), unique=True).map(tuple)
levels = st.sampled_from(RecoveryLevel)
limits = st.fixed_dictionaries(
    {name: st.integers(0, 3) for name in ("minimal", "moderate", "aggressive", "fallback", "simulation")}
)
policies = st.builds(
    lambda attempts, detours, starts, most, elsewhere: POLICY.merged(
        {
            "max_attempts": attempts,
            "max_detours": detours,
            "start_level": starts,
            "limits": most,
            "other_backend": elsewhere,
        }
    ),
    st.integers(1, 20),
    st.integers(0, 20),
    st.dictionaries(st.sampled_from(sorted(set(FailureType) - {"test_failure", "launch"})).map(str), levels),
    limits,
    st.booleans(),
)


def most_tries(policy: RecoveryPolicy, level: RecoveryLevel) -> int:
    """How often a test may take a level: level 3 once more, where it may leave WebGPU."""
    limit = policy.limit(level)
    return limit + (level is RecoveryLevel.AGGRESSIVE and policy.other_backend and limit > 0)


@dataclass
class Play:
    """A test on its way through a farm in which everything fails."""

    asked: BrowserType
    model_type: ModelType
    usable: Sequence[tuple[BrowserType, ...]]
    simulation: bool
    policy: RecoveryPolicy
    gathering: bool = False
    browser: BrowserType | None = None
    adjustments: Adjustments = field(default_factory=Adjustments)
    led_by: Action | None = None
    history: list[AttemptRecord] = field(default_factory=list)
    recoveries: list[Action] = field(default_factory=list)

    def situation(self) -> Situation:
        return Situation(
            browser=self.browser,
            asked=self.asked,
            model_type=self.model_type,
            usable=self.usable[len(self.history) % len(self.usable)],
            simulation=self.simulation,
            gathering=self.gathering,
            elapsed=0.0,
            adjustments=self.adjustments,
        )

    def happens(self, what: FailureInfo | CircuitKind) -> Action:
        outcome = "circuit_open" if isinstance(what, CircuitKind) else what.failure_type.value
        self.history.append(
            AttemptRecord(
                number=len(self.history) + 1,
                level=self.led_by.level if self.led_by else None,
                strategy=self.led_by.strategy if self.led_by else None,
                browser=self.browser,
                worker="w1",
                outcome=outcome,
                started_at=0.0,
                seconds=0.0,
            )
        )
        if isinstance(what, CircuitKind):
            action = decide_open_circuit(what, 1.0, self.history, self.situation(), self.policy)
        else:
            action = decide(what, self.history, self.situation(), self.policy)
            assert action == decide(what, self.history, self.situation(), self.policy)
            self.recoveries.append(action)
        self.led_by = action
        match action:
            case Adjust():
                assert action.browser is self.browser
                self.adjustments = action.adjustments
            case Fallback():
                assert action.browser in self.situation().usable
                self.browser, self.adjustments = action.browser, self.adjustments.in_another_browser()
            case Simulate():
                assert self.simulation
                self.browser = None
        return action

    def to_the_end(self, story: Sequence[FailureInfo | CircuitKind]) -> Action:
        self.browser = self.asked
        for what in islice(cycle(story), 100):
            action = self.happens(what)
            if isinstance(action, GiveUp):
                return action
        raise AssertionError("still going after 100 steps")


plays = st.builds(
    Play,
    asked=st.sampled_from(BrowserType),
    model_type=st.sampled_from(ModelType),
    usable=st.lists(usables, min_size=1, max_size=6),
    simulation=st.booleans(),
    policy=st.just(POLICY) | policies,
    gathering=st.booleans(),
)


@settings(max_examples=200, deadline=None)
@given(plays, happenings)
def test_every_test_ends_and_no_promise_is_broken(play: Play, story: list[FailureInfo | CircuitKind]) -> None:
    play.to_the_end(story)
    real = [entry for entry in play.history if entry.outcome != "circuit_open"]

    assert len(real) <= play.policy.max_attempts
    assert len(play.history) - len(real) <= play.policy.max_detours + 1 + play.simulation

    taken = [action.level for action in play.recoveries if action.level is not None]
    assert taken == sorted(taken), "a recovery went down a level"
    for level in RecoveryLevel:
        real_tries = sum(1 for action in play.recoveries if action.level is level)
        detours = len(play.history) - len(real)
        assert real_tries <= most_tries(play.policy, level) + detours

    for number, entry in enumerate(real):
        before = {earlier.browser for earlier in real[:number]}
        if entry.level is RecoveryLevel.FALLBACK:
            assert entry.browser not in before, "a browser was fallen back to that was tried before"
        assert play.simulation or entry.browser is not None


@settings(max_examples=200, deadline=None)
@given(plays, st.lists(failures, min_size=1, max_size=8))
def test_without_detours_every_level_keeps_its_limit(play: Play, story: list[FailureInfo]) -> None:
    play.to_the_end(story)
    for level in RecoveryLevel:
        assert sum(action.level is level for action in play.recoveries) <= most_tries(play.policy, level)
    others = [action.browser for action in play.recoveries if isinstance(action, Fallback)]
    assert len(set(others)) == len(others)
    assert play.asked not in others


@given(plays, happenings)
def test_a_tests_own_failure_is_always_the_end(play: Play, story: list[FailureInfo | CircuitKind]) -> None:
    play.browser = play.asked
    for what in story[:3]:
        if isinstance(play.happens(what), GiveUp):
            break
    assert isinstance(play.happens(failure(FailureType.TEST_FAILURE)), GiveUp)


@given(plays, failures, st.sampled_from(CircuitKind), st.floats(0, 1e6), st.integers(0, 100), st.floats(0, 1e6))
def test_no_attempt_begins_after_the_tests_or_the_batchs_budget(
    play: Play, what: FailureInfo, kind: CircuitKind, over: float, too_many: int, late: float
) -> None:
    play.browser = play.asked
    budget = play.policy.batch
    spents = (
        {"elapsed": play.policy.max_seconds + over},
        {"batch": BatchSpent(tests=1, failures=budget.most_failures(1) + 1 + too_many, elapsed=0.0)},
        {"batch": BatchSpent(tests=1, failures=0, elapsed=budget.max_seconds + late)},
    )
    for spent in spents:
        where = play.situation().model_copy(update=spent)
        assert isinstance(decide(what, [], where, play.policy), GiveUp)
        assert isinstance(decide_open_circuit(kind, 1.0, [], where, play.policy), GiveUp)


@given(plays, st.sampled_from(CircuitKind), st.floats(0, 3600), st.floats(0, 1, exclude_max=True))
def test_a_parked_test_never_wakes_before_its_circuit_may_be_probed(
    play: Play, kind: CircuitKind, retry_after: float, jitter: float
) -> None:
    play.browser = play.asked
    where = play.situation().model_copy(update={"jitter": jitter})
    action = decide_open_circuit(kind, retry_after, [], where, play.policy)
    if isinstance(action, Park):
        assert action.seconds >= retry_after
    if isinstance(action, Reroute):
        assert 0 < action.seconds <= play.policy.backoff.cap
