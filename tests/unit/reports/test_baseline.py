"""The comparison with a former report: what is a regression, what is only noise, and what is the wrong file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from jobs.bad_input import BadInput
from jobs.exit_codes import ExitCode
from jobs.models.incomparable import INCOMPARABLE
from jobs.reports.baseline import Baseline, read_baseline
from jobs.reports.json_report import write_json
from jobs.reports.summary import summarise
from jobs.reports.thresholds import Comparison, Thresholds
from jobs.specs import Outcome, Platform, Verdict
from tests.unit.reports.verdicts import MEASURED, attempt, header, verdict


def measured(test: str = "chrome/bert/wasm", **changes: object) -> Verdict:
    return verdict(test, measurement=MEASURED.model_copy(update=changes))


def compared(folder: Path, before: Sequence[Verdict], now: Sequence[Verdict]) -> Comparison:
    write_json(folder / "before.json", header(), before)
    return read_baseline(folder / "before.json").compare(now, Thresholds())


@pytest.mark.parametrize(
    ("p50", "p95", "now", "is_slower"),
    [
        (100.0, 110.0, 160.0, True),
        (100.0, 110.0, 140.0, False),
        (100.0, 170.0, 160.0, False),
        (2.0, 2.5, 6.0, False),
        (2.0, 2.5, 7.5, True),
    ],
    ids=["beyond all", "below the ratio", "within the baseline's own spread", "a few milliseconds", "a real slowdown"],
)
def test_slower_is_what_leaves_ratio_floor_and_spread(
    tmp_path: Path, p50: float, p95: float, now: float, is_slower: bool
) -> None:
    found = compared(tmp_path, [measured(run_ms_p50=p50, run_ms_p95=p95)], [measured(run_ms_p50=now)])
    assert [one.kind for one in found.regressions] == (["latency"] if is_slower else [])
    assert (found.baseline, found.compared) == ("nightly-1", 1)


def test_repetitions_are_one_cell_and_its_median_is_judged(tmp_path: Path) -> None:
    names = ("t", "t#2", "t#3")
    before = [measured(name, run_ms_p50=10.0, run_ms_p95=11.0, runs=1) for name in names]
    one_outlier = [measured(name, run_ms_p50=ms, runs=1) for name, ms in zip(names, (10.0, 11.0, 99.0), strict=True)]
    assert compared(tmp_path, before, one_outlier).regressions == ()
    most = [measured(name, run_ms_p50=ms, runs=1) for name, ms in zip(names, (10.0, 50.0, 60.0), strict=True)]
    [slower] = compared(tmp_path, before, most).regressions
    assert (slower.before, slower.now, slower.samples_now) == (10.0, 50.0, 3)
    assert str(slower) == "t on webgpu: median run 10.0 → 50.0 ms (5.0 times)"


def test_too_few_runs_are_not_judged_and_are_counted(tmp_path: Path) -> None:
    found = compared(tmp_path, [measured(run_ms_p50=1.0, run_ms_p95=1.0, runs=2)], [measured(run_ms_p50=900.0)])
    assert (found.regressions, found.too_few) == ((), 1)


@pytest.mark.parametrize(
    "other",
    [{"backend": Platform.WASM}, {"weights": "file"}, {"adapter": None}],
    ids=["backend", "weights", "adapter"],
)
def test_only_like_is_compared_with_like(tmp_path: Path, other: dict[str, object]) -> None:
    found = compared(tmp_path, [measured(run_ms_p50=1.0, run_ms_p95=1.0, **other)], [measured(run_ms_p50=900.0)])
    assert (found.compared, found.only_now, found.only_before, found.regressions) == (0, 1, 1, ())


@pytest.mark.parametrize(
    ("before", "now", "is_worse"),
    [(1e-5, 5e-4, True), (1e-6, 5e-5, False), (1e-4, 5e-4, False), (0.0, 5e-4, True), (1e-5, INCOMPARABLE, False)],
    ids=["much larger", "still rounding", "below the ratio", "from nothing", "cannot be compared: the test failed"],
)
def test_less_exact_is_what_leaves_ratio_and_rounding(
    tmp_path: Path, before: float, now: float, is_worse: bool
) -> None:
    found = compared(tmp_path, [measured(max_abs_error=before)], [measured(max_abs_error=now)])
    assert [one.kind for one in found.regressions] == (["error"] if is_worse else [])


def test_failures_of_the_infrastructure_count_when_chance_does_not_explain_them(tmp_path: Path) -> None:
    def batch(hit: int, total: int) -> list[Verdict]:
        crashed = (attempt(1, "crash"), attempt(2, "passed"))
        return [verdict(f"t{number}", attempts=crashed if number < hit else crashed[1:]) for number in range(total)]

    def kinds(before: list[Verdict], now: list[Verdict]) -> list[str]:
        return [one.kind for one in compared(tmp_path, before, now).regressions]

    assert kinds(batch(0, 40), batch(20, 40)) == ["failures"]
    assert kinds(batch(0, 20), batch(3, 20)) == [], "3 of 20 is within chance of 0 of 20"
    assert kinds(batch(0, 10), batch(10, 10)) == [], "10 tests tell too little"
    assert kinds(batch(0, 2000), batch(100, 2000)) == [], "5 % more is less than the threshold"


def test_a_regression_fails_the_batch_and_newly_failing_tests_are_named(tmp_path: Path) -> None:
    before = [measured("a", run_ms_p50=1.0, run_ms_p95=1.0), measured("b")]
    now = [measured("a", run_ms_p50=90.0), verdict("b", Outcome.ERROR)]
    found = compared(tmp_path, before, now)
    assert found.newly_failing == ("b",)
    assert summarise(now[:1], (), found).exit_code is ExitCode.FAILED
    assert summarise(now, (), found).exit_code is ExitCode.INFRASTRUCTURE
    assert summarise(now[:1], (), compared(tmp_path, before, before)).exit_code is ExitCode.PASSED


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        (b"\xff\xfe\x00", "is not JSON"),
        (b"{", "is not JSON"),
        (b"[]", "no report of schema 1: the whole file"),
        (b'{"schema": 2, "batch": {"id": "b"}, "verdicts": []}', "no report of schema 1: schema"),
        (b'{"schema": 1, "batch": {"id": "b"}, "verdicts": [{"test": 1}]}', "verdicts.0.test"),
    ],
    ids=["missing", "bytes", "broken", "list", "version", "verdict"],
)
def test_the_wrong_file_is_told_in_one_line(tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "before.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadInput, match=said) as told:
        read_baseline(path)
    assert "\n" not in str(told.value)


def test_a_report_of_another_batch_is_told_before_anything_runs() -> None:
    baseline = Baseline("other", ())
    with pytest.raises(BadInput, match="has no test of this one"):
        baseline.check_knows_one_of(["chrome/bert/wasm"])


def test_a_report_of_a_later_version_of_the_program_can_be_a_baseline(tmp_path: Path) -> None:
    write_json(tmp_path / "before.json", header(), [measured()])
    report = json.loads((tmp_path / "before.json").read_text(encoding="utf-8"))
    report["new"] = report["verdicts"][0]["new"] = report["verdicts"][0]["measurement"]["new"] = 1
    (tmp_path / "before.json").write_text(json.dumps(report), encoding="utf-8")
    assert read_baseline(tmp_path / "before.json").cells == {"chrome/bert/wasm"}
