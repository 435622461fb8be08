"""One attempt's record: what recovery decides upon, and what a report tells of the way to a verdict."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from recovery.kinds import BrowserType, FailureType, RecoveryLevel

CIRCUIT_OPEN = "circuit_open"
"""The outcome of an attempt that never ran, as a circuit turned it away: a detour."""


class AttemptRecord(BaseModel):
    """One run of a test, numbered from 1. ``level`` and ``strategy`` say which recovery led to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    number: int = Field(ge=1)
    level: RecoveryLevel | None = Field(default=None, description="None: first attempt, or a detour")
    strategy: str | None = None
    browser: BrowserType | None = Field(description="None: simulation")
    worker: str
    outcome: str = Field(description="passed, failed, a failure type, or circuit_open")
    failure_type: FailureType | None = None
    cause: str = ""
    started_at: float = Field(description="Unix time, seconds, Redis's clock")
    seconds: float = Field(ge=0)
    detected_after: float | None = Field(
        default=None, description="seconds from an injected fault to the failure being seen; None: none was injected"
    )
