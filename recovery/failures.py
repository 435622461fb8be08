"""A failure as a value: the evidence that was found, the category read from it, and the exceptions that carry it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel, ConfigDict, Field

from recovery.kinds import BrowserType, FailureType, ModelType, PageEvent, Phase, RecoveryLevel


class Evidence(BaseModel):
    """What was seen around an error. ``None`` means not looked at, never "no"."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    browser: BrowserType | None = None
    model: str | None = None
    model_type: ModelType | None = None
    platform: str | None = None
    phase: Phase | None = None
    browser_alive: bool | None = None
    browser_stopped: bool | None = Field(default=None, description="a process of the browser is stopped (SIGSTOP)")
    driver_alive: bool | None = None
    exit_code: int | None = None
    session_answers: bool | None = Field(default=None, description="WebDriver still answers for this session")
    heartbeat_age: float | None = Field(default=None, description="seconds since the page's worker was last heard")
    pulse_age: float | None = Field(default=None, description="seconds since the page's main thread was last alive")
    budget_spent: bool | None = Field(default=None, description="the attempt used all the time that it was given")
    page_event: PageEvent | None = None
    disk_full: bool | None = Field(default=None, description="no room is left where profiles are written")
    worker_lost: bool = Field(default=False, description="the worker died with the attempt; nobody saw more")


class FailureInfo(BaseModel):
    """A failure, categorised: what recovery decides upon."""

    model_config = ConfigDict(frozen=True)

    failure_type: FailureType
    start_level: RecoveryLevel | None = Field(description="None for a test failure: it is never recovered")
    reason: str = Field(description="the rule that decided, in one line")
    error_class: str
    message: str
    evidence: Evidence


class BrowserFailure(Exception):
    """The infrastructure failed under a test. Only these reach circuits and recovery."""

    failure_type: ClassVar[FailureType] = FailureType.INTERNAL_ERROR

    def __init__(self, message: str, evidence: Evidence | None = None) -> None:
        super().__init__(message)
        self.evidence = evidence or Evidence()


class LaunchFailure(BrowserFailure):
    """The browser or its driver could not be started."""

    failure_type = FailureType.LAUNCH_FAILURE


class ConnectionFailure(BrowserFailure):
    """The driver or the page stopped answering while the browser lives."""

    failure_type = FailureType.CONNECTION_FAILURE


class TimeoutFailure(BrowserFailure):
    """The page hangs, or the attempt used up its time."""

    failure_type = FailureType.TIMEOUT


class CrashFailure(BrowserFailure):
    """A process of the browser died."""

    failure_type = FailureType.CRASH


class ResourceExhaustionFailure(BrowserFailure):
    """Memory, disk or another resource ran out."""

    failure_type = FailureType.RESOURCE_EXHAUSTION


class GpuFailure(BrowserFailure):
    """No adapter, a lost device, or an error of the graphics stack."""

    failure_type = FailureType.GPU_ERROR


class ApiFailure(BrowserFailure):
    """The browser lacks the API that the platform needs."""

    failure_type = FailureType.API_ERROR


class InternalFailure(BrowserFailure):
    """Anything else that is not the test's own doing."""

    failure_type = FailureType.INTERNAL_ERROR
