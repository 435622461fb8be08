"""The markdown summary: what stands at its head, what it lists, and that no test can write markup into it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from jobs.reports.markdown import render_markdown
from jobs.specs import Outcome, Platform
from recovery import BrowserType, RecoveryLevel
from tests.unit.reports.verdicts import MEASURED, attempt, header, verdict


def test_its_head_says_whether_all_is_well_and_counts() -> None:
    text = render_markdown(header(), [verdict("a"), verdict("b")])
    assert text.startswith("## ✅ nightly\n\n**2 tests**: 2 passed\n")
    assert "Not passed" not in text
    text = render_markdown(header(), [verdict("a"), verdict("b", Outcome.ERROR, reason="gone")])
    assert text.startswith("## ❌ nightly\n\n**2 tests**: 1 passed, 1 error\n")


def test_reasons_are_told_once_with_some_of_their_tests() -> None:
    verdicts = [verdict(f"t{number}", Outcome.FAILED, reason="off by 1\nlong story") for number in range(5)]
    text = render_markdown(header(), verdicts)
    assert "### Not passed (1)" in text
    assert "| failed | off by 1 | t0, t1, t2 and 2 more |" in text
    assert "long story" not in text


def test_recoveries_and_what_is_not_allowed_are_listed_apart() -> None:
    way = (attempt(1, "crash", cause="gone"), attempt(2, "passed", RecoveryLevel.MODERATE))
    verdicts = [
        verdict("a", attempts=way, recovered=True),
        verdict("b", degraded=True, browser=BrowserType.FIREFOX),
        verdict("c", degraded=True, measurement=MEASURED.model_copy(update={"backend": Platform.WASM})),
    ]
    text = render_markdown(header(), verdicts)
    assert "| a | chrome crash → level 2 chrome passed |" in text
    assert "| b | degraded | firefox |" in text
    assert "| c | degraded | chrome on wasm |" in text
    assert "| 2 MODERATE | 1 | 1 |" in text
    assert "| b | degraded" not in render_markdown(header("degraded"), verdicts)


def test_long_lists_are_cut_and_say_so() -> None:
    verdicts = [verdict(f"t{number:03}", Outcome.FAILED, reason=f"reason {number}") for number in range(60)]
    text = render_markdown(header(), verdicts)
    assert text.count("| failed |") == 50
    assert "and 10 more" in text


@given(st.text())
def test_no_text_of_a_test_breaks_out_of_its_cell(text: str) -> None:
    lines = render_markdown(header(), [verdict("a", Outcome.FAILED, reason=text)]).splitlines()
    [row] = [line for line in lines if line.startswith("| failed |")]
    assert row.endswith("| a |")
    assert row.replace("\\\\", "").replace("\\|", "").count("|") == 4
    assert "<" not in row


def test_a_batch_without_verdicts_has_a_summary() -> None:
    assert "**0 tests**: no verdict" in render_markdown(header(), [])
