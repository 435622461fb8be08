"""What the farm did so far, counted in the script that does it: every verdict and every attempt once, whoever dies.

One hash, ``<prefix>:totals``: verdicts:<outcome>:<browser asked>, marks:<mark>, attempts:<outcome>:<browser or none>,
recoveries:<level>:<browser or none>:<succeeded or failed>, recycles:<browser>, and durations,
test:<model type or python>:<bucket> and attempt:<browser or none>:<bucket>, bucket: upper bound, inf or sum.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from pydantic import BaseModel, Field

# As in layout.lua: the upper bounds (s) of the buckets that durations are counted in.
BUCKETS = ("0.1", "0.25", "0.5", "1", "2.5", "5", "10", "30", "60", "120", "300", "inf")


class Durations(BaseModel):
    """How long things of one kind took."""

    buckets: dict[str, int] = Field(
        default_factory=dict, description="upper bound -> how many took that long, not less"
    )
    seconds: float = 0.0


class Totals(BaseModel):
    """Counts since the farm's Redis is there."""

    verdicts: dict[tuple[str, str], int] = Field(default_factory=dict, description="(outcome, browser asked)")
    marks: dict[str, int] = Field(default_factory=dict, description="recovered, degraded, simulated")
    attempts: dict[tuple[str, str], int] = Field(default_factory=dict, description="(outcome, browser or none)")
    recoveries: dict[tuple[str, str, str], int] = Field(default_factory=dict, description="(level, browser, outcome)")
    recycles: dict[str, int] = Field(default_factory=dict, description="sessions replaced, by browser")
    test_seconds: dict[str, Durations] = Field(default_factory=dict, description="by model type, or python")
    attempt_seconds: dict[str, Durations] = Field(default_factory=dict, description="by browser, or none")


def read_totals(fields: Mapping[bytes, bytes]) -> Totals:
    """The counts that the hash holds. What this release doesn't know is left out."""
    totals = Totals()
    seconds: dict[str, dict[str, Durations]] = {"test": defaultdict(Durations), "attempt": defaultdict(Durations)}
    for field, value in fields.items():
        kind, *names = field.decode().split(":")
        match kind, names:
            case "verdicts", [outcome, browser]:
                totals.verdicts[outcome, browser] = int(value)
            case "attempts", [outcome, browser]:
                totals.attempts[outcome, browser] = int(value)
            case "recoveries", [level, browser, outcome]:
                totals.recoveries[level, browser, outcome] = int(value)
            case "recycles", [browser]:
                totals.recycles[browser] = int(value)
            case "marks", [mark]:
                totals.marks[mark] = int(value)
            case (("test" | "attempt"), [name, "sum"]):
                seconds[kind][name].seconds = float(value)
            case (("test" | "attempt"), [name, bucket]):
                seconds[kind][name].buckets[bucket] = int(value)
    return totals.model_copy(
        update={"test_seconds": dict(seconds["test"]), "attempt_seconds": dict(seconds["attempt"])}
    )
