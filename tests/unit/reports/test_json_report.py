"""The JSON report: versioned, complete, and readable back into verdicts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jobs.models.incomparable import INCOMPARABLE
from jobs.reports.json_report import write_json
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel
from tests.unit.reports.verdicts import MEASURED, attempt, header, verdict


def report_of(folder: Path, *verdicts: Verdict) -> dict[str, Any]:
    write_json(folder / "report.json", header("degraded"), verdicts)
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    return report


def test_it_has_a_version_the_batch_counts_and_the_environment(tmp_path: Path) -> None:
    way = (attempt(1, "crash", cause="gone"), attempt(2, "passed", RecoveryLevel.MODERATE))
    report = report_of(tmp_path, verdict("b", attempts=way, recovered=True), verdict("a", Outcome.ERROR))
    assert report["schema"] == 1
    assert report["batch"]["id"] == "nightly-1"
    assert report["batch"]["allow"] == ["degraded"]
    summary = report["summary"]
    assert (summary["total"], summary["passed"], summary["error"], summary["failed"]) == (2, 1, 1, 0)
    assert summary["recovered"] == 1
    assert summary["recoveries"]["moderate"] == {"tried": 1, "recovered": 1}
    assert summary["exit_code"] == 3
    assert report["environment"]["browsers"] == {"chrome": ["156.0"]}
    assert report["environment"]["processors"] >= 1


def test_its_verdicts_are_the_verdicts_in_order_of_their_tests(tmp_path: Path) -> None:
    first = verdict("a", Outcome.FAILED, reason="é\x00\n")
    second = verdict("b", measurement=MEASURED.model_copy(update={"max_abs_error": INCOMPARABLE}))
    report = report_of(tmp_path, second, first)
    assert [Verdict.model_validate(one) for one in report["verdicts"]] == [first, second]


def test_a_batch_without_verdicts_has_a_report(tmp_path: Path) -> None:
    assert report_of(tmp_path)["summary"]["total"] == 0
