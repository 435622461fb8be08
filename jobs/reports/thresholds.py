"""What is compared with a baseline, how far it may drift, and what that comparison found."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

# Milliseconds. A difference below this is the clock's and the scheduler's, however large the ratio.
LATENCY_FLOOR_MS = 5.0
# Measured runs that a cell must have on both sides before its latency is judged.
LEAST_RUNS = 3
# Share of the tolerance below which an error is rounding, however much it grew.
ERROR_FLOOR = 0.1
# Tests that a browser must have on both sides before its failures are judged.
LEAST_TESTS = 20


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Thresholds(_Value):
    """How far a batch may drift from its baseline."""

    latency: float = Field(default=1.5, gt=1, allow_inf_nan=False, description="median run time: times the baseline's")
    error: float = Field(default=10.0, gt=1, allow_inf_nan=False, description="largest error: times the baseline's")
    failures: float = Field(
        default=0.1, ge=0, le=1, description="share of tests that the infrastructure failed under: so much more"
    )


class Regression(_Value):
    """One thing that drifted too far."""

    kind: Literal["latency", "error", "failures"]
    where: str = Field(description="a cell of the batch with the backend that ran it, or a browser")
    before: float = Field(description="milliseconds, absolute error, or share of tests")
    now: float
    samples_before: int = Field(description="measured runs, or tests")
    samples_now: int

    def __str__(self) -> str:
        """One line."""
        if self.kind == "latency":
            return (
                f"{self.where}: median run {self.before:.1f} → {self.now:.1f} ms ({self.now / self.before:.1f} times)"
            )
        if self.kind == "error":
            return f"{self.where}: largest error {self.before:.1e} → {self.now:.1e}"
        return f"{self.where}: the infrastructure failed under {self.before:.0%} → {self.now:.0%} of the tests"


class Comparison(_Value):
    """A batch beside its baseline."""

    baseline: str = Field(description="id of the batch that the baseline tells of")
    thresholds: Thresholds
    compared: int = Field(description="cells whose latency and error were judged")
    only_now: int = Field(description="cells that the baseline doesn't have, or not on the same backend")
    only_before: int = Field(description="cells that only the baseline has")
    too_few: int = Field(description="cells whose latency was not judged: too few measured runs")
    regressions: tuple[Regression, ...]
    newly_failing: tuple[str, ...] = Field(description="tests that passed in the baseline and don't pass now")
