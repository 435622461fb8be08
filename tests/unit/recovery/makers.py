"""Short ways to the values that the tests of recovery are about."""

from __future__ import annotations

from typing import Any

from recovery import (
    AttemptRecord,
    BrowserType,
    Evidence,
    FailureInfo,
    FailureType,
    ModelType,
    RecoveryPolicy,
    Situation,
)
from recovery.actions import Action

POLICY = RecoveryPolicy.default()
CHROME, FIREFOX, EDGE, SAFARI = BrowserType.CHROME, BrowserType.FIREFOX, BrowserType.EDGE, BrowserType.SAFARI


def failure(kind: FailureType = FailureType.TIMEOUT, **evidence: Any) -> FailureInfo:
    return FailureInfo(
        failure_type=kind,
        start_level=POLICY.starts_at(kind),
        reason="a test says so",
        error_class="Error",
        message="it broke",
        evidence=Evidence(**evidence),
    )


def record(number: int, outcome: str = "timeout", by: Action | None = None, **fields: Any) -> AttemptRecord:
    """An attempt; ``by`` is the action that led to it."""
    known = {
        "level": by.level if by else None,
        "strategy": by.strategy if by else None,
        "browser": CHROME,
        "worker": "w1",
        "started_at": 1000.0 + number,
        "seconds": 1.0,
    }
    return AttemptRecord(number=number, outcome=outcome, **(known | fields))


def situation(**fields: Any) -> Situation:
    known: dict[str, Any] = {
        "browser": CHROME,
        "asked": CHROME,
        "model_type": ModelType.VISION,
        "usable": (CHROME, FIREFOX),
        "simulation": False,
        "elapsed": 1.0,
    }
    return Situation(**(known | fields))
