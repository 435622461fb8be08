"""What a circuit is judged by. The settings in force live in Redis with the circuit, the same for every process."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from breakers.errors import InvalidSettings


class CircuitSettings(BaseModel):
    """Settings of one circuit; all durations are seconds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = Field(default=1, ge=0)
    """Raise it when a release changes settings: the newest version is put in force for all. 0: nobody asked."""

    metrics_window_size: int = Field(default=100, ge=1, le=100_000)
    """Latest outcomes that rates and latencies are taken from."""

    failure_threshold: int | None = Field(default=3, ge=1)
    """Failures in a row that open the circuit. None: only rates do."""

    recovery_timeout: float = Field(default=10.0, gt=0)
    """How long a circuit stays open before a probe is let through."""

    half_open_max_calls: int = Field(default=1, ge=1, le=10_000)
    """Probes that may be under way at once."""

    success_threshold: int = Field(default=2, ge=1)
    """Probes that have to succeed before the circuit closes."""

    min_samples_for_stats: int = Field(default=5, ge=1)
    """Outcomes below which no rate is judged."""

    window_seconds: float | None = Field(default=None, gt=0)
    """Age at which an outcome leaves the window. None: only newer outcomes push it out."""

    failure_rate_threshold: float | None = Field(default=None, gt=0, le=1)
    """Share of failures in the window that opens the circuit."""

    slow_call_seconds: float | None = Field(default=None, gt=0)
    """Duration from which on a call is slow."""

    slow_call_rate_threshold: float | None = Field(default=None, gt=0, le=1)
    """Share of slow calls in the window that opens the circuit; a slow probe then counts as a failed one."""

    recovery_timeout_factor: float = Field(default=1.0, ge=1, le=100)
    """Each opening in a row lasts so many times longer than the one before."""

    recovery_timeout_max: float = Field(default=300.0, gt=0)
    """The longest that ``recovery_timeout_factor`` makes it."""

    recovery_timeout_jitter: float = Field(default=0.0, ge=0, lt=1)
    """Random share by which an opening is longer or shorter, so that circuits don't probe in step."""

    calm_seconds: float = Field(default=60.0, ge=0)
    """After being closed for so long, the next opening is a first one again."""

    probe_seconds: float = Field(default=60.0, gt=0)
    """The longest a probe may take: its permit is a lease, and free again afterwards even if the process died."""

    idle_seconds: float = Field(default=7 * 24 * 3600.0, ge=1)
    """A circuit that nobody used for so long is forgotten."""

    @model_validator(mode="before")
    @classmethod
    def _are_numbers(cls, values: Any) -> Any:
        for name, value in values.items() if isinstance(values, Mapping) else ():
            if isinstance(value, bool):  # pydantic takes it for 1 or 0
                raise ValueError(f"{name}={value!r}: input should be a number")  # noqa: TRY004 - pydantic's way
        return values

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        if self.slow_call_rate_threshold is not None and self.slow_call_seconds is None:
            raise ValueError("slow_call_rate_threshold needs slow_call_seconds: from which duration is a call slow?")
        judges_rates = self.failure_rate_threshold is not None or self.slow_call_rate_threshold is not None
        if judges_rates and self.min_samples_for_stats > self.metrics_window_size:
            raise ValueError(
                f"min_samples_for_stats ({self.min_samples_for_stats}) above metrics_window_size "
                f"({self.metrics_window_size}): no rate would ever be judged"
            )
        if self.failure_threshold is None and not judges_rates:
            raise ValueError("failure_threshold may be None only with a failure or slow-call rate: what would open it?")
        longest = max(self.recovery_timeout, self.recovery_timeout_max) * (1 + self.recovery_timeout_jitter)
        if self.idle_seconds <= max(longest, self.probe_seconds):
            raise ValueError(
                f"idle_seconds ({self.idle_seconds:g}) must exceed the longest opening ({longest:g}) and "
                f"probe_seconds ({self.probe_seconds:g}): an open circuit would be forgotten"
            )
        return self

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> CircuitSettings:
        """Settings from keyword arguments.

        Raises:
            InvalidSettings: an unknown name or an impossible value; one line tells which.
        """
        try:
            return cls(**values)
        except ValidationError as error:
            raise InvalidSettings("circuit settings: " + _one_line(error)) from None

    def differences(self, other: CircuitSettings) -> dict[str, tuple[Any, Any]]:
        """What differs, version apart: name → (here, there)."""
        mine, theirs = self.model_dump(), other.model_dump()
        return {name: (mine[name], theirs[name]) for name in SETTING_NAMES[1:] if mine[name] != theirs[name]}


SETTING_NAMES = tuple(CircuitSettings.model_fields)
"""``version`` first, as declare.lua wants it."""

DEFAULTS_UNASKED = CircuitSettings(version=0)
"""For a circuit that somebody uses without saying how: any settings that are asked for come before these."""


def to_redis(values: Mapping[str, Any]) -> list[str]:
    """Values of settings as Redis holds them: '' for None."""
    return ["" if value is None else repr(value) for value in values.values()]


def from_redis(values: Iterable[bytes]) -> CircuitSettings:
    """Settings as a script returned them, in the order of ``SETTING_NAMES``."""
    return CircuitSettings.model_validate(
        {name: value.decode() or None for name, value in zip(SETTING_NAMES, values, strict=True)}
    )


def _one_line(error: ValidationError) -> str:
    allowed = ", ".join(SETTING_NAMES)
    lines = []
    for detail in error.errors():
        name = ".".join(str(part) for part in detail["loc"])
        if detail["type"] == "extra_forbidden":
            lines.append(f"{name!r} is unknown (known: {allowed})")
        elif name:
            lines.append(f"{name}={detail['input']!r}: {detail['msg'].lower()}")
        else:
            lines.append(detail["msg"].removeprefix("Value error, "))
    return "; ".join(lines)
