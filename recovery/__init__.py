"""Recovery: decisions only. Failure → category → level → action; no Redis, no Selenium, no clock of its own."""

from recovery.adjustments import Adjustments, adjust
from recovery.bridges import RecoverableBridge, RecoveryTrail
from recovery.categories import categorize_browser_failure
from recovery.decision import BatchSpent, CircuitKind, Situation, action_at, decide, decide_open_circuit
from recovery.detection import detect_browser_type, detect_model_type
from recovery.failures import BrowserFailure, Evidence, FailureInfo
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, FailureType, ModelType, PageEvent, Phase, RecoveryLevel
from recovery.policy import RecoveryPolicy
from recovery.progressive import ProgressiveRecoveryManager, recover_browser
from recovery.strategies import (
    BrowserFallbackStrategy,
    BrowserRecoveryStrategy,
    BrowserRestartStrategy,
    ModelSpecificRecoveryStrategy,
    SettingsAdjustmentStrategy,
    SimpleRetryStrategy,
    SimulationFallbackStrategy,
)

__all__ = [
    "Adjustments",
    "AttemptRecord",
    "BatchSpent",
    "BrowserFailure",
    "BrowserFallbackStrategy",
    "BrowserRecoveryStrategy",
    "BrowserRestartStrategy",
    "BrowserType",
    "CircuitKind",
    "Evidence",
    "FailureInfo",
    "FailureType",
    "ModelSpecificRecoveryStrategy",
    "ModelType",
    "PageEvent",
    "Phase",
    "ProgressiveRecoveryManager",
    "RecoverableBridge",
    "RecoveryLevel",
    "RecoveryPolicy",
    "RecoveryTrail",
    "SettingsAdjustmentStrategy",
    "SimpleRetryStrategy",
    "SimulationFallbackStrategy",
    "Situation",
    "action_at",
    "adjust",
    "categorize_browser_failure",
    "decide",
    "decide_open_circuit",
    "detect_browser_type",
    "detect_model_type",
    "recover_browser",
]
