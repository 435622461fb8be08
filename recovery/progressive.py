"""The whole ladder, climbed on one bridge: decide, carry out, and if that fails too, decide again."""

from __future__ import annotations

from recovery.actions import Action, Fallback, Retry, Simulate
from recovery.bridges import RecoverableBridge, situation_of
from recovery.categories import categorize_browser_failure
from recovery.decision import decide
from recovery.failures import Evidence, FailureInfo
from recovery.kinds import BrowserType, Phase
from recovery.policy import RecoveryPolicy
from recovery.strategies import carry_out


class ProgressiveRecoveryManager:
    """Brings bridges back, level by level, within the bounds of a policy."""

    def __init__(self, policy: RecoveryPolicy | None = None) -> None:
        self.policy = policy or RecoveryPolicy.default()

    async def recover(self, bridge: RecoverableBridge, failure: FailureInfo) -> bool:
        """Make the bridge ready to run again after a failure.

        Returns False where nothing is left to try, and at once for a test's own failure. A recovery that fails itself
        counts as an attempt; the next one is tried.
        """
        browser = bridge.browser
        while True:  # bounded by the policy's max_attempts: then decide gives up
            bridge.trail.failed(failure, browser, bridge.now())
            action = decide(failure, bridge.trail.records, situation_of(bridge), self.policy)
            try:
                return await carry_out(action, bridge)
            except Exception as trouble:  # noqa: BLE001 - whatever goes wrong while recovering is one more failure
                bridge.trail.continues(action, bridge.now())
                browser = _browser_of(action, bridge)
                phase = Phase.NAVIGATE if isinstance(action, Retry) else Phase.LAUNCH
                evidence = Evidence(phase=phase, browser=browser, model_type=bridge.model_type)
                failure = categorize_browser_failure(trouble, evidence)


def _browser_of(action: Action, bridge: RecoverableBridge) -> BrowserType | None:
    """The browser that an action was about, whether or not the bridge got so far."""
    match action:
        case Fallback(browser=browser):
            return browser
        case Simulate():
            return None
        case _:
            return bridge.browser


async def recover_browser(bridge: RecoverableBridge, error: BaseException, failure: FailureInfo | None = None) -> bool:
    """Make a bridge ready to run again after an error, by the default policy. False: nothing is left to try.

    ``failure`` is what ``categorize_browser_failure`` made of the error; without it, that is asked here.
    """
    if failure is None:
        failure = categorize_browser_failure(error, Evidence(browser=bridge.browser, model_type=bridge.model_type))
    return await ProgressiveRecoveryManager().recover(bridge, failure)
