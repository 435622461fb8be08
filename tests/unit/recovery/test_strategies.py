"""Strategies and the whole ladder, on a bridge that keeps what it was asked and breaks where it is told to."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest

from recovery import (
    Adjustments,
    BrowserFallbackStrategy,
    BrowserRecoveryStrategy,
    BrowserRestartStrategy,
    BrowserType,
    FailureType,
    ModelSpecificRecoveryStrategy,
    ModelType,
    ProgressiveRecoveryManager,
    RecoveryTrail,
    SettingsAdjustmentStrategy,
    SimpleRetryStrategy,
    SimulationFallbackStrategy,
    categorize_browser_failure,
    recover_browser,
)
from recovery.bridges import situation_of
from recovery.decision import decide
from tests.unit.recovery.makers import CHROME, EDGE, FIREFOX, POLICY, failure


@dataclass
class Bridge:
    """A bridge to nothing: it does what it is told, and says so. ``broken`` names the methods that fail."""

    browser: BrowserType | None = CHROME
    asked_browser: BrowserType = CHROME
    model_type: ModelType = ModelType.AUDIO
    usable_browsers: Sequence[BrowserType] = (CHROME, FIREFOX, EDGE)
    simulation_allowed: bool = True
    adjustments: Adjustments = field(default_factory=Adjustments)
    trail: RecoveryTrail = field(default_factory=RecoveryTrail)
    broken: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)
    time: float = 1000.0

    def now(self) -> float:
        self.time += 1.0
        return self.time

    def _does(self, name: str, what: str) -> None:
        self.asked.append(what)
        if name in self.broken:
            raise ConnectionRefusedError(f"{what} went wrong")

    async def renew(self, after: float) -> None:
        self._does("renew", f"renew after {after}")

    async def restart(self, adjustments: Adjustments) -> None:
        self.adjustments = adjustments
        self._does("restart", f"restart {'adjusted' if adjustments.rules else 'as before'}")

    async def switch_browser(self, browser: BrowserType) -> None:
        self._does("switch", f"switch to {browser}")
        self.browser = browser

    async def simulate(self) -> None:
        self._does("simulate", "simulate")
        self.browser = None


@pytest.mark.parametrize(
    ("strategy", "kind", "asked"),
    [
        (SimpleRetryStrategy(), FailureType.TIMEOUT, "renew after 0.0"),
        (BrowserRestartStrategy(), FailureType.CRASH, "restart as before"),
        (SettingsAdjustmentStrategy(), FailureType.GPU_ERROR, "restart adjusted"),
        (BrowserFallbackStrategy(), FailureType.LAUNCH_FAILURE, "switch to firefox"),
        (SimulationFallbackStrategy(), FailureType.API_ERROR, "simulate"),
        (ModelSpecificRecoveryStrategy(ModelType.TEXT), FailureType.GPU_ERROR, "restart adjusted"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BrowserRecoveryStrategy) else None,
)
def test_a_strategy_does_its_one_thing(strategy: BrowserRecoveryStrategy, kind: FailureType, asked: str) -> None:
    bridge = Bridge()
    bridge.trail.failed(failure(kind), bridge.browser, bridge.now())
    assert asyncio.run(strategy.recover(bridge, failure(kind)))
    assert bridge.asked == [asked]


def test_a_strategy_proposes_what_the_whole_would_decide() -> None:
    bridge, crash = Bridge(), failure(FailureType.CRASH)
    bridge.trail.failed(crash, bridge.browser, bridge.now())
    decided = decide(crash, bridge.trail.records, situation_of(bridge), POLICY)
    assert BrowserRestartStrategy().propose(bridge, crash) == decided


def test_a_strategy_that_is_used_up_has_nothing_to_offer() -> None:
    bridge, slow = Bridge(), failure()
    for expected in (True, False):
        bridge.trail.failed(slow, bridge.browser, bridge.now())
        assert asyncio.run(SimpleRetryStrategy().recover(bridge, slow)) is expected
    assert bridge.asked == ["renew after 0.0"]


def test_the_models_strategy_moves_to_the_models_browser_when_settings_were_adjusted() -> None:
    bridge, gpu = Bridge(), failure(FailureType.GPU_ERROR)
    strategy = ModelSpecificRecoveryStrategy(ModelType.TEXT)
    for _ in range(2):
        bridge.trail.failed(gpu, bridge.browser, bridge.now())
        assert asyncio.run(strategy.recover(bridge, gpu))
    assert bridge.asked == ["restart adjusted", "switch to edge"]


def test_the_ladder_is_climbed_failure_by_failure() -> None:
    bridge = Bridge()
    manager = ProgressiveRecoveryManager()
    ready = [asyncio.run(manager.recover(bridge, failure())) for _ in range(7)]
    assert ready == [True] * 6 + [False]
    assert bridge.asked == [
        "renew after 0.0",
        "restart as before",
        "restart adjusted",
        "switch to firefox",
        "switch to edge",
        "simulate",
    ]
    assert [entry.level for entry in bridge.trail.records] == [None, 1, 2, 3, 4, 4, 5]
    assert [entry.browser for entry in bridge.trail.records] == [CHROME] * 4 + [FIREFOX, EDGE, None]
    assert bridge.trail.records[1].strategy == "simple_retry"
    assert all(entry.seconds > 0 for entry in bridge.trail.records[1:])


def test_a_recovery_that_fails_is_followed_by_the_next() -> None:
    bridge = Bridge(broken=frozenset({"renew", "restart"}))
    assert asyncio.run(ProgressiveRecoveryManager().recover(bridge, failure()))
    assert bridge.asked == ["renew after 0.0", "restart as before", "switch to firefox"]
    assert [entry.failure_type for entry in bridge.trail.records] == [
        FailureType.TIMEOUT,
        FailureType.CONNECTION_FAILURE,
        FailureType.LAUNCH_FAILURE,
    ]


def test_where_everything_is_broken_recovery_ends() -> None:
    bridge = Bridge(broken=frozenset({"renew", "restart", "switch", "simulate"}))
    assert not asyncio.run(ProgressiveRecoveryManager().recover(bridge, failure(FailureType.CRASH)))
    assert bridge.asked == ["restart as before", "switch to firefox", "switch to edge", "simulate"]
    assert [entry.browser for entry in bridge.trail.records] == [CHROME, CHROME, FIREFOX, EDGE, None]


def test_without_another_browser_and_simulation_recovery_ends_sooner() -> None:
    bridge = Bridge(usable_browsers=(CHROME,), simulation_allowed=False)
    assert not asyncio.run(recover_browser(bridge, FileNotFoundError("no chrome binary at /opt/chrome")))
    assert bridge.asked == []


def test_a_success_lets_everything_begin_anew() -> None:
    bridge = Bridge()
    for _ in range(3):
        assert asyncio.run(recover_browser(bridge, TimeoutError("slow")))
        bridge.trail.passed()
    assert bridge.asked == ["renew after 0.0"] * 3


def test_the_seeds_example() -> None:
    bridge, error = Bridge(), RuntimeError("tab crashed")
    info = categorize_browser_failure(error, {"browser": "chrome", "model": "whisper-tiny", "platform": "webgpu"})
    assert asyncio.run(recover_browser(bridge, error, info))
    assert bridge.asked == ["restart as before"]


def test_a_tests_own_failure_is_left_alone() -> None:
    bridge = Bridge()
    assert not asyncio.run(recover_browser(bridge, AssertionError("wrong numbers")))
    assert bridge.asked == []


def test_a_cancelled_recovery_stays_cancelled() -> None:
    class Cancelled(Bridge):
        async def renew(self, after: float) -> None:
            raise asyncio.CancelledError(after)

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(ProgressiveRecoveryManager().recover(Cancelled(), failure()))
