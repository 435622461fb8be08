"""The recovery benchmark's figures: what of a recovery's seconds is the test's own work, and where the tables go."""

from __future__ import annotations

from pathlib import Path

import pytest

from jobs.cli.recovery_benchmark import sheets_of, write_tables
from jobs.recovery_benchmark import measure
from jobs.specs import Outcome
from recovery import RecoveryLevel
from tests.unit.reports.verdicts import MEASURED, attempt, verdict

KILLED = "chrome/bert-base-uncased/webgpu/browser_killed#1"


def test_a_recoverys_seconds_are_split_into_the_test_itself_and_all_else() -> None:
    ways = (attempt(1, "crash"), attempt(2, "passed", RecoveryLevel.MODERATE).model_copy(update={"seconds": 3.0}))
    measurement = MEASURED.model_copy(update={"load_ms": 250.0, "compile_ms": 1200.0, "run_ms_p50": 10.0, "runs": 5})
    measured = measure([verdict(KILLED, attempts=ways, measurement=measurement)])
    split = measured.to_recover[RecoveryLevel.MODERATE]
    # Between the attempts, which began at the same moment here, no time passed that counts.
    assert (split.whole.p50, split.work.p50, split.rest.p50) == (3.0, 1.5, 1.5)
    [row] = next(rows for heading, rows in sheets_of(measured) if "by level" in heading)[1:]
    assert row == ("2 moderate", "1", "3.00", "3.00", "4", "yes", "1.50", "1.50", "1.50")


def test_a_test_that_was_not_brought_back_counts_no_seconds() -> None:
    ways = (attempt(1, "crash"), attempt(2, "crash", RecoveryLevel.MODERATE))
    measured = measure([verdict(KILLED, Outcome.ERROR, attempts=ways, measurement=None)])
    assert not measured.to_recover
    assert len(measured.lost) == 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (None, "## Results\n\nnew\n"),
        ("# Page\n\nWhat it is.\n\n## Results\n\nold\n", "# Page\n\nWhat it is.\n\n## Results\n\nnew\n"),
        ("tables of an older version\n", "## Results\n\nnew\n"),
    ],
)
def test_new_tables_take_the_place_of_a_pages_old_ones(tmp_path: Path, before: str | None, after: str) -> None:
    page = tmp_path / "page.md"
    if before is not None:
        page.write_text(before, encoding="utf-8")
    write_tables(page, "new\n")
    assert page.read_text(encoding="utf-8") == after
