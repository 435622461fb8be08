"""Verdicts to report of, made short."""

from __future__ import annotations

from typing import Any

from jobs.batches.values import BatchHeader
from jobs.reports.thresholds import Comparison, Regression, Thresholds
from jobs.specs import AdapterInfo, Measurement, Outcome, Platform, Verdict
from recovery import AttemptRecord, BrowserType, FailureType, ModelType, RecoveryLevel

MEASURED = Measurement(
    backend=Platform.WEBGPU,
    browser_version="156.0",
    adapter=AdapterInfo(vendor="google", architecture="swiftshader", software=True),
    weights="tiny",
    load_ms=10.0,
    compile_ms=400.0,
    run_ms_p50=7.5,
    run_ms_p95=9.0,
    runs=5,
    max_abs_error=6e-6,
    tolerance=1e-3,
)


SLOWER = Regression(
    kind="latency", where="chrome/bert/wasm on wasm", before=10.0, now=30.0, samples_before=9, samples_now=9
)


def compared(*regressions: Regression) -> Comparison:
    return Comparison(
        baseline="nightly-0", thresholds=Thresholds(), compared=4, only_now=0, only_before=0, too_few=0,
        regressions=regressions, newly_failing=(),
    )  # fmt: skip


def header(*allow: str) -> BatchHeader:
    return BatchHeader.model_validate({"id": "nightly-1", "name": "nightly", "created_at": 0.0, "allow": allow})


def attempt(number: int, outcome: str, level: RecoveryLevel | None = None, cause: str = "") -> AttemptRecord:
    failed = outcome in set(FailureType)
    return AttemptRecord(
        number=number,
        level=level,
        strategy=None,
        browser=BrowserType.CHROME,
        worker="chrome@vm",
        outcome=outcome,
        failure_type=FailureType(outcome) if failed else None,
        cause=cause,
        started_at=0.0,
        seconds=0.5,
    )


def verdict(test: str = "chrome/bert/webgpu", outcome: Outcome = Outcome.PASSED, **changes: Any) -> Verdict:
    values: dict[str, Any] = {
        "test": test,
        "outcome": outcome,
        "asked_browser": BrowserType.CHROME,
        "browser": BrowserType.CHROME if outcome in {Outcome.PASSED, Outcome.FAILED} else None,
        "model": "bert",
        "model_type": ModelType.TEXT,
        "platform": Platform.WEBGPU,
        "degraded": False,
        "simulated": False,
        "recovered": False,
        "measurement": MEASURED if outcome in {Outcome.PASSED, Outcome.FAILED} else None,
        "attempts": (attempt(1, outcome.value),),
        "seconds": 1.5,
    }
    return Verdict.model_validate(values | changes)
