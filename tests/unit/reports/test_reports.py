"""Reports of made-up verdicts: what they count, and that any text gives a file that its readers can read."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.bad_input import BadInput
from jobs.batches.values import BatchHeader
from jobs.exit_codes import ExitCode
from jobs.reports.json_report import write_json
from jobs.reports.junit import write_junit
from jobs.reports.summary import summarise
from jobs.reports.writing import check_writable
from jobs.specs import Measurement, Outcome, Platform, Verdict
from recovery import AttemptRecord, BrowserType, FailureType, ModelType, RecoveryLevel

HEADER = BatchHeader(id="b-1", name="nightly", created_at=1_700_000_000.0)
RUN = Measurement(
    backend=Platform.WASM, browser_version="156", adapter=None, weights="tiny", load_ms=1, compile_ms=2,
    run_ms_p50=3, run_ms_p95=4, runs=3, max_abs_error=1e-6, tolerance=1e-4,
)  # fmt: skip
CRASHED = AttemptRecord(
    number=1, browser=BrowserType.CHROME, worker="w", outcome="crash", failure_type=FailureType.CRASH,
    cause="the browser died", started_at=1.0, seconds=0.5,
)  # fmt: skip
RESTARTED = AttemptRecord(
    number=2, level=RecoveryLevel.MODERATE, strategy="browser_restart", browser=BrowserType.CHROME, worker="w",
    outcome="passed", started_at=2.0, seconds=0.5,
)  # fmt: skip


def verdict(outcome: Outcome = Outcome.PASSED, **changes: object) -> Verdict:
    attempts = (RESTARTED.model_copy(update={"level": None, "strategy": None, "number": 1}),)
    fields = {
        "test": "chrome/bert/wasm", "outcome": outcome, "reason": "", "asked_browser": "chrome", "browser": "chrome",
        "model": "bert", "model_type": ModelType.TEXT, "platform": "wasm", "degraded": False, "simulated": False,
        "recovered": False, "measurement": RUN, "attempts": attempts, "seconds": 1.5,
    }  # fmt: skip
    return Verdict.model_validate({**fields, **changes})


@pytest.mark.parametrize(
    ("verdicts", "allow", "code"),
    [
        ([verdict()], (), ExitCode.PASSED),
        ([verdict(), verdict(Outcome.FAILED)], (), ExitCode.FAILED),
        ([verdict(degraded=True)], (), ExitCode.FAILED),
        ([verdict(degraded=True)], ("degraded",), ExitCode.PASSED),
        ([verdict(simulated=True)], ("degraded",), ExitCode.FAILED),
        ([verdict(Outcome.FAILED), verdict(Outcome.ERROR)], (), ExitCode.INFRASTRUCTURE),
        ([verdict(Outcome.ERROR), verdict(Outcome.CANCELLED)], (), ExitCode.INTERRUPTED),
    ],
    ids=["passed", "failed", "degraded", "allowed", "other-mark", "error", "cancelled"],
)
def test_the_exit_code_says_whose_fault_it_is(verdicts: list[Verdict], allow: tuple[str, ...], code: ExitCode) -> None:
    assert summarise(verdicts, allow).exit_code == code


def test_recoveries_are_counted_by_level() -> None:
    summary = summarise([verdict(attempts=(CRASHED, RESTARTED), recovered=True), verdict()], ())
    moderate = summary.recoveries[RecoveryLevel.MODERATE]
    assert (moderate.tried, moderate.recovered) == (1, 1)
    assert sum(counts.tried for counts in summary.recoveries.values()) == 1
    assert summary.marks["recovered"] == 1


def test_the_json_report_has_every_attempt(tmp_path: Path) -> None:
    write_json(tmp_path / "r.json", HEADER, [verdict(attempts=(CRASHED, RESTARTED), recovered=True)])
    report = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert report["schema"] == 1
    assert report["summary"]["passed"] == 1
    assert report["summary"]["recoveries"]["moderate"] == {"tried": 1, "recovered": 1}
    [told] = report["verdicts"]
    assert [entry["outcome"] for entry in told["attempts"]] == ["crash", "passed"]
    assert Verdict.model_validate(told) == verdict(attempts=(CRASHED, RESTARTED), recovered=True)


def test_the_junit_report_tells_failures_errors_and_skipped_apart(tmp_path: Path) -> None:
    verdicts = [
        verdict(test="a"),
        verdict(Outcome.FAILED, test="b", reason="off by 1"),
        verdict(Outcome.ERROR, test="c", reason="no recovery is left", measurement=None, browser=None),
        verdict(Outcome.CANCELLED, test="d", measurement=None, browser=None),
        verdict(test="e", asked_browser="firefox", degraded=True),
    ]
    write_junit(tmp_path / "r.xml", HEADER, verdicts)
    root = ElementTree.parse(tmp_path / "r.xml").getroot()
    assert {name: root.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "5", "failures": "2", "errors": "1",
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["nightly.chrome", "nightly.firefox"]
    kinds = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert "failure" in kinds["b"]
    assert "error" in kinds["c"]
    assert "skipped" in kinds["d"]
    assert "failure" in kinds["e"], "what the batch does not allow is red in CI, as the exit code is"
    properties = {one.get("name"): one.get("value") for one in root.iter("property")}
    assert properties["degraded"] == "true"
    assert properties["backend"] == "wasm"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text())
def test_any_text_gives_readable_files(tmp_path: Path, text: str) -> None:
    verdicts = [verdict(Outcome.FAILED, reason=text.encode("utf-8", "replace").decode())]
    write_junit(tmp_path / "r.xml", HEADER, verdicts)
    ElementTree.parse(tmp_path / "r.xml")
    write_json(tmp_path / "r.json", HEADER, verdicts)
    json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert sorted(file.name for file in tmp_path.iterdir()) == ["r.json", "r.xml"]


def test_a_report_that_cannot_be_written_is_told_before(tmp_path: Path) -> None:
    check_writable(tmp_path / "r.json")
    for path in (tmp_path, tmp_path / "none" / "r.json"):
        with pytest.raises(BadInput, match="report"):
            check_writable(path)
    assert not list(tmp_path.iterdir())
