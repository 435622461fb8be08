"""What a run ends with: verdicts, recoveries per level, circuits."""

from __future__ import annotations

from collections.abc import Iterable

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from jobs.cli.batch_run import Ran
from jobs.cli.circuits import summary_table
from jobs.cli.phrases import STYLES, show_verdict
from jobs.reports.summary import Summary
from jobs.reports.thresholds import Comparison
from jobs.specs import Outcome, Verdict
from recovery import RecoveryLevel


def print_verdicts(console: Console, verdicts: Iterable[Verdict], *, title: str) -> None:
    """One row a test: what was asked, what ran it, how it got there."""
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    for column in ("test", "verdict", "ran on", "way", "result"):
        table.add_column(column, overflow="fold")
    for verdict in sorted(verdicts, key=lambda one: one.test):
        table.add_row(
            verdict.test,
            Text(verdict.outcome.value, STYLES[verdict.outcome.value]),
            "simulation" if verdict.simulated else verdict.ran_on,
            " → ".join(_step(entry.level, entry.outcome) for entry in verdict.attempts),
            show_verdict(verdict),
        )
    console.print(table)


def _step(level: RecoveryLevel | None, outcome: str) -> str:
    return outcome.replace("_", " ") if level is None else f"L{level.value} {outcome.replace('_', ' ')}"


def print_recoveries(console: Console, summary: Summary) -> None:
    """How often each level was tried, and how often it brought the test back."""
    table = Table(title="Recoveries", box=box.SIMPLE_HEAD, title_justify="left", title_style="bold")
    table.add_column("level")
    table.add_column("tried", justify="right")
    table.add_column("recovered", justify="right")
    for level in RecoveryLevel:
        counts = summary.recoveries[level]
        table.add_row(f"{level.value} {level.name}", str(counts.tried), str(counts.recovered))
    console.print(table)


def print_circuits(console: Console, ran: Ran) -> None:
    """The circuits that the run touched, as they stood at its end."""
    console.print(summary_table(ran.circuits, title="Circuits"))


def print_comparison(console: Console, comparison: Comparison) -> None:
    """What is worse than in the baseline; or that nothing is, and how much was looked at."""
    for one in comparison.regressions:
        console.print(f"{one.kind} regression: {one}", style="bold red", highlight=False, markup=False, soft_wrap=True)
    few = f", {comparison.too_few} with too few runs" if comparison.too_few else ""
    found = f"{len(comparison.regressions)} regressions" if comparison.regressions else "no regression"
    line = f"against {comparison.baseline}: {found}, {comparison.compared} cells compared{few}"
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def print_summary(console: Console, summary: Summary, seconds: float) -> None:
    """One line with the counts, and a line for what may need a switch."""
    counts = ", ".join(
        f"{summary.outcomes[outcome]} {outcome.value}" for outcome in Outcome if summary.outcomes[outcome]
    )
    marks = ", ".join(f"{count} {name}" for name, count in summary.marks.items() if count)
    console.print(f"{counts}{f' ({marks})' if marks else ''} in {seconds:.1f} s", style="bold", highlight=False)
    for mark in summary.not_allowed:
        console.print(
            f"not allowed: {summary.marks[mark]} {mark} (passed, but not as asked); accept it with --allow {mark}",
            style="yellow", highlight=False,
        )  # fmt: skip
