"""How far recovery goes: start levels, limits, budgets, backoff, fallback orders. The defaults lie in policy.toml.

Values only; what follows from them is decided in decision.py.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from recovery.kinds import BrowserType, FailureType, ModelType, RecoveryLevel

# Strict, as TOML's true would else be a 1.
Seconds = Annotated[float, Field(gt=0, le=86_400, strict=True)]
Limit = Annotated[int, Field(ge=0, le=50, strict=True)]


class _Table(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StartLevels(_Table):
    """The level that the recovery of each failure begins with."""

    launch: RecoveryLevel
    connection: RecoveryLevel
    timeout: RecoveryLevel
    crash: RecoveryLevel
    resource_exhaustion: RecoveryLevel
    gpu: RecoveryLevel
    api: RecoveryLevel
    internal: RecoveryLevel

    @field_validator("*", mode="before")
    @classmethod
    def _is_a_level(cls, level: object) -> object:
        if isinstance(level, bool) or not isinstance(level, int) or level not in set(RecoveryLevel):
            raise ValueError("must be a level from 1 to 5")
        return level

    @field_validator("launch")
    @classmethod
    def _has_a_session(cls, level: RecoveryLevel) -> RecoveryLevel:
        if level is RecoveryLevel.MINIMAL:
            raise ValueError("must be a level from 2 to 5: what did not start has no session to retry in")
        return level


class Limits(_Table):
    """How often a test may take each level; 0 switches a level off."""

    minimal: Limit
    moderate: Limit
    aggressive: Limit
    fallback: Limit
    simulation: Limit


class BatchBudget(_Table):
    """What a whole batch may cost, so that a dying farm ends soon."""

    failures_per_test: float = Field(ge=0, le=50, strict=True, description="failed attempts, on average")
    failures_at_least: int = Field(
        ge=0, le=1_000_000, strict=True, description="failed attempts that any batch may have"
    )
    max_seconds: Seconds

    def most_failures(self, tests: int) -> int:
        """Failed attempts that a batch of so many tests may have."""
        return max(self.failures_at_least, int(self.failures_per_test * tests))


class Backoff(_Table):
    """Exponential waiting, in seconds, of which a random part may be left out."""

    base: Seconds
    factor: float = Field(ge=1, le=10, strict=True)
    cap: Seconds
    jitter: float = Field(ge=0, le=1, strict=True, description="the largest part of a wait that may be left out")

    def seconds(self, repetition: int, jitter: float) -> float:
        """The wait before the ``repetition``-th try, counted from 0. ``jitter`` is the random number, in [0, 1)."""
        # After so many tries only the cap matters, and the power would overflow.
        wait = min(self.cap, self.base * self.factor ** min(repetition, 50))
        return wait * (1 - self.jitter * jitter)


class FallbackOrder(_Table):
    """The browsers to fall back to at level 4, best first, for each family of models and for tests without one."""

    text: tuple[BrowserType, ...]
    vision: tuple[BrowserType, ...]
    audio: tuple[BrowserType, ...]
    multimodal: tuple[BrowserType, ...]
    no_model: tuple[BrowserType, ...] = Field(description="for tests that run no model: users' own")

    @field_validator("*")
    @classmethod
    def _each_once(cls, order: tuple[BrowserType, ...]) -> tuple[BrowserType, ...]:
        if len(set(order)) != len(order):
            raise ValueError("a browser is named twice")
        return order


class RecoveryPolicy(_Table):
    """What recovery may do for a test. Immutable; ``merged`` gives another one."""

    max_attempts: int = Field(ge=1, le=50, strict=True)
    max_seconds: Seconds
    max_detours: int = Field(ge=0, le=1000, strict=True)
    other_backend: bool = Field(strict=True, description="level 3 may run on wasm what asked for WebGPU")
    batch: BatchBudget
    start_level: StartLevels
    limits: Limits
    backoff: Backoff
    fallback_order: FallbackOrder

    @classmethod
    def default(cls) -> Self:
        """The policy of policy.toml."""
        return cls.model_validate(_default_tables())

    def merged(self, overrides: Mapping[str, Any]) -> Self:
        """This policy with some values replaced; tables are merged key by key.

        Raises:
            ValueError: an unknown key, or a value that is not allowed; one line that names it.
        """
        if not overrides:
            return self
        tables = _merge(self.model_dump(), overrides, at="recovery")
        try:
            return type(self).model_validate(tables)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(("recovery", *map(str, first["loc"])))
            said = first["msg"].removeprefix("Value error, ")
            raise ValueError(f"{place}: {said}; it is {first['input']!r}") from error

    def starts_at(self, failure: FailureType) -> RecoveryLevel | None:
        """The level to begin with; None for a test failure, which is never recovered."""
        if failure is FailureType.TEST_FAILURE:
            return None
        level: RecoveryLevel = getattr(self.start_level, failure.value)
        return level

    def limit(self, level: RecoveryLevel) -> int:
        """How often a test may take this level."""
        limit: int = getattr(self.limits, level.name.lower())
        return limit

    def browsers_for(self, model: ModelType | None) -> tuple[BrowserType, ...]:
        """The browsers to fall back to, the most suitable first."""
        order: tuple[BrowserType, ...] = getattr(self.fallback_order, model.value if model else "no_model")
        return order


@cache
def _default_tables() -> Mapping[str, Any]:
    return tomllib.loads(files("recovery").joinpath("policy.toml").read_text("utf-8"))


def _merge(tables: Mapping[str, Any], overrides: Mapping[str, Any], at: str) -> dict[str, Any]:
    merged = dict(tables)
    for key, value in overrides.items():
        if key not in merged:
            meant = "".join(f" did you mean {close!r}?" for close in difflib.get_close_matches(key, merged, n=1))
            raise ValueError(f"{at}.{key}: unknown;{meant} allowed are {', '.join(merged)}")
        is_table = isinstance(merged[key], Mapping) and isinstance(value, Mapping)
        merged[key] = _merge(merged[key], value, at=f"{at}.{key}") if is_table else value
    return merged
