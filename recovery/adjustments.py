"""What level 3 changes about a browser, in words that every browser's own file translates. No flags here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from recovery.failures import FailureInfo
from recovery.kinds import BrowserType, FailureType, ModelType


class Adjustments(BaseModel):
    """How a browser's settings differ from the default. Empty: not at all."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    software_adapter: bool = Field(default=False, description="WebGPU on the software adapter, whatever GPU there is")
    time_factor: float = Field(default=1.0, ge=1, le=10, description="the attempt's time limits are multiplied by it")
    profile_in_memory: bool = Field(default=False, description="the browser's profile is kept in memory, not on disk")
    small_batch: bool = Field(default=False, description="models get one input at a time")
    other_backend: bool = Field(default=False, description="what asks for WebGPU runs on wasm, and is told as degraded")
    rules: tuple[str, ...] = Field(default=(), description="names of the rules that led here, in order")

    def in_another_browser(self) -> Self:
        """What of them holds where the browser is another: its WebGPU may be well."""
        return self.model_copy(update={"other_backend": False})


@dataclass(frozen=True)
class AdjustmentRule:
    """One cure: when it applies, and what it changes."""

    name: str
    applies: Callable[[FailureInfo, BrowserType, ModelType | None], bool]
    change: Mapping[str, bool | float]


_SAFARIS_ENGINE = {BrowserType.SAFARI, BrowserType.WEBKIT}
_OTHER_BACKEND = "wasm after one GPU error more"

# Every rule pulls a lever that cures something; a rule without an effect doesn't belong here.
RULES = (
    AdjustmentRule(
        "software adapter after a GPU error",
        # Safari's engine has no adapter to choose.
        lambda failure, browser, _: failure.failure_type is FailureType.GPU_ERROR and browser not in _SAFARIS_ENGINE,
        {"software_adapter": True},
    ),
    AdjustmentRule(
        "twice the time after a timeout",
        lambda failure, _browser, _model: failure.failure_type is FailureType.TIMEOUT,
        {"time_factor": 2.0},
    ),
    AdjustmentRule(
        "profile in memory after a full disk",
        # Not whenever a resource ran out: where memory did, a profile in memory would make it worse.
        lambda failure, _browser, _model: (
            failure.failure_type is FailureType.RESOURCE_EXHAUSTION and bool(failure.evidence.disk_full)
        ),
        {"profile_in_memory": True},
    ),
    AdjustmentRule(
        "one input at a time after memory ran out",
        # Other families never get more.
        lambda failure, _browser, model: (
            failure.failure_type is FailureType.RESOURCE_EXHAUSTION
            and not failure.evidence.disk_full
            and model is ModelType.VISION
        ),
        {"small_batch": True},
    ),
)


def adjust(
    failure: FailureInfo, browser: BrowserType, model_type: ModelType | None, previous: Adjustments
) -> Adjustments:
    """The settings for the next browser: ``previous`` and whatever cures this failure.

    Where no rule applies, or all that do were used before, ``previous`` comes back as it is: level 3 then means
    just a fresh browser on any worker of the queue.
    """
    adjusted = previous
    for rule in RULES:
        if rule.name not in previous.rules and rule.applies(failure, browser, model_type):
            adjusted = adjusted.model_copy(update={**rule.change, "rules": (*adjusted.rules, rule.name)})
    return adjusted


def on_other_backend(failure: FailureInfo, previous: Adjustments) -> Adjustments | None:
    """``previous``, and wasm in the place of WebGPU; None: that would cure nothing, or was tried.

    No rule like the others: what runs then is not what the test asked for, so a policy must allow it.
    """
    if failure.failure_type is not FailureType.GPU_ERROR or previous.other_backend:
        return None
    return previous.model_copy(update={"other_backend": True, "rules": (*previous.rules, _OTHER_BACKEND)})
