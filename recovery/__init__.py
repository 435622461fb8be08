"""Recovery: decisions only. Failure → category → level → action; no Redis, no Selenium, no clock of its own."""

from recovery.failures import BrowserFailure, Evidence, FailureInfo
from recovery.history import AttemptRecord
from recovery.kinds import BrowserType, FailureType, ModelType, PageEvent, Phase, RecoveryLevel

__all__ = [
    "AttemptRecord",
    "BrowserFailure",
    "BrowserType",
    "Evidence",
    "FailureInfo",
    "FailureType",
    "ModelType",
    "PageEvent",
    "Phase",
    "RecoveryLevel",
]
