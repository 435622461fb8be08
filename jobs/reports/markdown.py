"""The summary of a batch as GitHub's markdown: for ``GITHUB_STEP_SUMMARY``, a pull request's comment, a chat."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from jobs.bad_input import one_line
from jobs.batches.values import BatchHeader
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles
from jobs.reports.breakdown import not_allowed, reasons, success_by
from jobs.reports.summary import Summary, summarise
from jobs.reports.thresholds import Comparison
from jobs.reports.writing import write_whole
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel

# Rows of a table. GitHub refuses a summary of more than 1 MiB; the reports have all.
_MOST_ROWS = 50
# Characters of a cell.
_LONGEST = 300


def write_markdown(
    path: Path,
    header: BatchHeader,
    verdicts: Sequence[Verdict],
    comparison: Comparison | None = None,
    _: ArtefactFiles = NO_FILES,
) -> None:
    """Write the summary of a batch.

    Raises:
        OSError: the file can't be written.
    """
    write_whole(path, render_markdown(header, verdicts, comparison))


def render_markdown(header: BatchHeader, verdicts: Sequence[Verdict], comparison: Comparison | None = None) -> str:
    """The summary of a batch: counts first, then what is not green, then what took a recovery."""
    summary = summarise(verdicts, header.allow, comparison)
    return "\n".join(_lines(header, verdicts, summary, comparison)) + "\n"


def _lines(
    header: BatchHeader, verdicts: Sequence[Verdict], summary: Summary, comparison: Comparison | None
) -> Iterator[str]:
    yield f"## {'✅' if summary.exit_code == 0 else '❌'} {_text(header.name)}"
    yield ""
    counts = ", ".join(f"{summary.outcomes[one]} {one.value}" for one in Outcome if summary.outcomes[one])
    marked = ", ".join(f"{count} {mark}" for mark, count in summary.marks.items() if count)
    noun = "test" if summary.total == 1 else "tests"
    yield f"**{summary.total} {noun}**: {counts or 'no verdict'}{f' ({marked})' if marked else ''}"
    yield ""
    yield from _not_green(verdicts)
    if comparison is not None:
        yield from _regressions(comparison)
    yield from _table(
        "Passed, but not as asked, which this batch does not allow",
        ("test", "mark", "ran on"),
        (
            (verdict.test, " and ".join(marks), verdict.ran_on)
            for verdict in _by_test(verdicts)
            if (marks := not_allowed(verdict, header.allow))
        ),
    )
    yield from _table(
        "Passed after a recovery",
        ("test", "way"),
        ((verdict.test, way_of(verdict)) for verdict in _by_test(verdicts) if verdict.recovered),
    )
    yield from _table(
        "Success",
        ("browser", "passed", "of"),
        (
            (browser.value, str(share.good), str(share.total))
            for browser, share in sorted(success_by(verdicts, lambda one: one.asked_browser).items())
        ),
    )
    yield from _table(
        "Recoveries",
        ("level", "tried", "gave a result"),
        (
            (
                f"{level.value} {level.name}",
                str(summary.recoveries[level].tried),
                str(summary.recoveries[level].recovered),
            )
            for level in RecoveryLevel
            if summary.recoveries[level].tried
        ),
    )
    yield f"<sub>batch <code>{_text(header.id)}</code>, exit code {int(summary.exit_code)}</sub>"


def _not_green(verdicts: Sequence[Verdict]) -> Iterator[str]:
    rows = ((one.outcome.value, one.text, _some(one.tests)) for one in reasons(verdicts))
    yield from _table("Not passed", ("outcome", "reason", "tests"), rows)


def _regressions(comparison: Comparison) -> Iterator[str]:
    if not comparison.regressions:
        yield f"No regression against <code>{_text(comparison.baseline)}</code>; {comparison.compared} cells compared."
        yield ""
    yield from _table(
        f"Not as good as {_text(comparison.baseline)}", ("regression",), ((str(one),) for one in comparison.regressions)
    )


def way_of(verdict: Verdict) -> str:
    """The attempts of a test in one line."""
    steps = []
    for entry in verdict.attempts:
        level = f"level {entry.level.value} " if entry.level else ""
        place = entry.browser.value if entry.browser else "simulation"
        steps.append(f"{level}{place} {entry.outcome.replace('_', ' ')}")
    return " → ".join(steps)


def _some(tests: Sequence[str]) -> str:
    shown = ", ".join(tests[:3])
    return f"{shown} and {len(tests) - 3} more" if len(tests) > 3 else shown


def _by_test(verdicts: Iterable[Verdict]) -> list[Verdict]:
    return sorted(verdicts, key=lambda one: one.test)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """A titled table, or nothing when there are no rows."""
    found = list(rows)
    if not found:
        return
    yield f"### {title} ({len(found)})" if title.startswith(("Not", "Passed")) else f"### {title}"
    yield ""
    yield _row(columns)
    yield _row(["---"] * len(columns))
    for row in found[:_MOST_ROWS]:
        yield _row([_text(cell) for cell in row])
    if len(found) > _MOST_ROWS:
        yield ""
        yield f"and {len(found) - _MOST_ROWS} more; the JSON report has all"
    yield ""


def _row(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _text(text: str) -> str:
    """Text that markdown shows as it is, on one line: no markup of a test's own making."""
    short = one_line(" ".join(text.split()))
    short = short if len(short) <= _LONGEST else short[: _LONGEST - 1] + "…"
    short = short.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([\\`*_\[\]|~])", r"\\\1", short)
