"""The page of a batch: one HTML file that needs nothing else, for people. Layout: templates/."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jobs.batches.values import BatchHeader
from jobs.exit_codes import ExitCode
from jobs.recoveries import summary_of
from jobs.reports.artefact_files import NO_FILES, ArtefactFiles, link_from
from jobs.reports.breakdown import not_allowed, reasons, success_by
from jobs.reports.summary import summarise
from jobs.reports.thresholds import Comparison
from jobs.reports.writing import write_whole
from jobs.specs import Outcome, Verdict
from recovery import AttemptRecord, RecoveryLevel
from recovery.statistics import RecoverySummary

if TYPE_CHECKING:
    from jinja2 import Environment

# Tests whose attempts are drawn. More make a page that a phone can't open; the JSON report has all.
MOST_DETAILED = 500
_SLOWEST = 10
# Tests that a group may have to be unfolded from the start.
_MOST_OPEN = 50
# Reasons, and tests named with a reason or a comparison.
_REASONS, _NAMED = 50, 8

# Where the page says how large it is. No text of a test's can look like this: it is escaped.
_SIZE = '<data id="size"></data>'

_TEMPLATES = Path(__file__).with_name("templates")

_SAID = {
    ExitCode.PASSED: "passed",
    ExitCode.FAILED: "failed",
    ExitCode.INFRASTRUCTURE: "infrastructure failed",
    ExitCode.INTERRUPTED: "cancelled",
}


@dataclass(frozen=True)
class Step:
    """An attempt on its test's time line: where it begins and how long it is, in percent of the whole."""

    entry: AttemptRecord
    left: float
    width: float


@dataclass(frozen=True)
class Group:
    """Tests of one kind: some with their attempts, the rest in a table."""

    title: str
    is_open: bool
    detailed: Sequence[Verdict]
    listed: Sequence[Verdict]


def write_html(
    path: Path,
    header: BatchHeader,
    verdicts: Sequence[Verdict],
    comparison: Comparison | None = None,
    files: ArtefactFiles = NO_FILES,
) -> None:
    """Write the page of a batch.

    Raises:
        OSError: the file can't be written.
    """
    write_whole(path, render_html(header, verdicts, comparison, files, path))


def render_html(
    header: BatchHeader,
    verdicts: Sequence[Verdict],
    comparison: Comparison | None = None,
    files: ArtefactFiles = NO_FILES,
    path: Path = Path("report.html"),
) -> str:
    """The page of a batch. ``path``: where it will lie, for links to ``files``."""
    summary = summarise(verdicts, header.allow, comparison)
    recovery = summary_of(verdicts)
    groups = list(_groups(sorted(verdicts, key=lambda one: one.test), header.allow))
    page = (
        _templates()
        .get_template("page.html.j2")
        .render(
            header=header,
            created=datetime.fromtimestamp(header.created_at, UTC),
            program=version("breakwater"),
            summary=summary,
            said=_SAID[summary.exit_code],
            missing=max(0, header.total - summary.total),
            span=_span(verdicts),
            outcomes=list(Outcome),
            comparison=comparison,
            successes={
                "browser asked for": success_by(verdicts, lambda one: one.asked_browser.value),
                "model type": success_by(verdicts, lambda one: one.task_type),
                "platform": success_by(verdicts, lambda one: one.platform.value if one.platform else "no model"),
            },
            recovery=recovery,
            by_failure=_by_failure(recovery),
            levels=list(RecoveryLevel),
            reasons=reasons(verdicts)[:_REASONS],
            slowest=sorted(verdicts, key=lambda one: -one.seconds)[:_SLOWEST],
            groups=groups,
            detailed=sum(len(group.detailed) for group in groups),
            named=_NAMED,
            steps=steps,
            links=lambda test, attempt: {
                name: link_from(path, file) for name, file in files.get((test, attempt), {}).items()
            },
        )
    )
    return page.replace(_SIZE, _megabytes(len(page.encode())), 1)


def steps(verdict: Verdict) -> list[Step]:
    """A test's attempts on one line of time, from the first one's start to the last one's end."""
    start, length = _span([verdict])
    return [
        Step(
            entry,
            left=round(100 * (entry.started_at - start) / length, 2) if length else 0.0,
            width=round(100 * entry.seconds / length, 2) if length else 100.0,
        )
        for entry in verdict.attempts
    ]


def _span(verdicts: Iterable[Verdict]) -> tuple[float, float]:
    """When the first attempt began, and the seconds from there to the end of the last one."""
    starts = [entry.started_at for verdict in verdicts for entry in verdict.attempts]
    ends = [entry.started_at + entry.seconds for verdict in verdicts for entry in verdict.attempts]
    return (min(starts), max(ends) - min(starts)) if starts else (0.0, 0.0)


def _groups(verdicts: Sequence[Verdict], allow: Collection[str]) -> Iterator[Group]:
    """Tests by what a reader must look at first; what there is room for is told in full, in this order."""
    by_title: dict[str, list[Verdict]] = {
        title: [] for title in ("Errors", "Failed", "Not as asked", "Recovered", "Cancelled", "Passed")
    }
    for verdict in verdicts:
        by_title[_title(verdict, allow)].append(verdict)
    room = MOST_DETAILED
    for title, members in by_title.items():
        if members:
            is_open = title in {"Errors", "Failed", "Not as asked"} and len(members) <= _MOST_OPEN
            yield Group(title, is_open, members[:room], members[room:])
            room -= min(room, len(members))


def _title(verdict: Verdict, allow: Collection[str]) -> str:
    if verdict.outcome is not Outcome.PASSED:
        return {Outcome.FAILED: "Failed", Outcome.ERROR: "Errors", Outcome.CANCELLED: "Cancelled"}[verdict.outcome]
    if not_allowed(verdict, allow):
        return "Not as asked"
    return "Recovered" if verdict.recovered else "Passed"


def _by_failure(recovery: RecoverySummary) -> dict[str, dict[RecoveryLevel, tuple[int, int]]]:
    """By failure and level: recoveries that gave a result, and all that were tried."""
    counts: dict[str, dict[RecoveryLevel, tuple[int, int]]] = defaultdict(dict)
    for cell in recovery.cells:
        good, tried = counts[cell.kind.category].get(cell.kind.level, (0, 0))
        counts[cell.kind.category][cell.kind.level] = good + cell.successes, tried + cell.attempts
    return dict(sorted(counts.items()))


@cache
def _templates() -> Environment:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - slow to load, few want it

    templates = Environment(
        loader=FileSystemLoader(_TEMPLATES), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    templates.filters |= {"seconds": _seconds, "words": lambda text: str(text).replace("_", " ")}
    return templates


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"


def _seconds(value: float) -> str:
    if value < 100:
        return f"{value:.2f} s"
    minutes, seconds = divmod(round(value), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {seconds:02} s"
