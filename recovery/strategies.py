"""The strategies by name, for whoever wants one of them and not the whole ladder.

What a strategy does is decided where everything is (decision.py); here it is only carried out on a bridge.
"""

from __future__ import annotations

from typing import ClassVar

from recovery.actions import Action, Adjust, Fallback, Restart, Retry, Simulate
from recovery.bridges import RecoverableBridge, situation_of
from recovery.decision import action_at
from recovery.failures import FailureInfo
from recovery.kinds import ModelType, RecoveryLevel
from recovery.policy import RecoveryPolicy


async def carry_out(action: Action, bridge: RecoverableBridge) -> bool:
    """Do what was decided. Returns whether the bridge is ready to run again; whatever it raises comes through."""
    match action:
        case Retry(delay=delay):
            await bridge.renew(delay)
        case Restart():
            await bridge.restart(bridge.adjustments)
        case Adjust(adjustments=adjustments):
            await bridge.restart(adjustments)
        case Fallback(browser=browser):
            await bridge.switch_browser(browser)
        case Simulate():
            await bridge.simulate()
        case _:
            return False
    bridge.trail.continues(action, bridge.now())
    return True


class BrowserRecoveryStrategy:
    """One way to bring a browser back. Subclasses say which level it is."""

    level: ClassVar[RecoveryLevel]

    def __init__(self, policy: RecoveryPolicy | None = None) -> None:
        self.policy = policy or RecoveryPolicy.default()

    def propose(self, bridge: RecoverableBridge, failure: FailureInfo) -> Action | None:
        """What this strategy would do now; None where it is used up or makes no sense."""
        return action_at(self.level, failure, bridge.trail.records, situation_of(bridge), self.policy)

    async def recover(self, bridge: RecoverableBridge, failure: FailureInfo) -> bool:
        """Bring the bridge back in this way; what the bridge raises comes through. False: nothing to offer now."""
        action = self.propose(bridge, failure)
        return action is not None and await carry_out(action, bridge)


class SimpleRetryStrategy(BrowserRecoveryStrategy):
    """Level 1: the same session once more."""

    level = RecoveryLevel.MINIMAL


class BrowserRestartStrategy(BrowserRecoveryStrategy):
    """Level 2: a new browser process with the same settings."""

    level = RecoveryLevel.MODERATE


class SettingsAdjustmentStrategy(BrowserRecoveryStrategy):
    """Level 3: a new browser process with settings adjusted to browser, model type and failure."""

    level = RecoveryLevel.AGGRESSIVE


class BrowserFallbackStrategy(BrowserRecoveryStrategy):
    """Level 4: the next browser that suits the model type."""

    level = RecoveryLevel.FALLBACK


class SimulationFallbackStrategy(BrowserRecoveryStrategy):
    """Level 5: no browser, where the user allows it."""

    level = RecoveryLevel.SIMULATION


class ModelSpecificRecoveryStrategy(BrowserRecoveryStrategy):
    """What depends on the model: settings adjusted to it, and when that was tried, the browser that suits it best."""

    level = RecoveryLevel.AGGRESSIVE

    def __init__(self, model_type: ModelType, policy: RecoveryPolicy | None = None) -> None:
        super().__init__(policy)
        self.model_type = model_type

    def propose(self, bridge: RecoverableBridge, failure: FailureInfo) -> Action | None:
        """Level 3 or else level 4 for this strategy's model type, whatever the bridge thinks it runs."""
        situation = situation_of(bridge).model_copy(update={"model_type": self.model_type})
        for level in (self.level, RecoveryLevel.FALLBACK):
            if action := action_at(level, failure, bridge.trail.records, situation, self.policy):
                return action
        return None
