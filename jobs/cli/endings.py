"""What a command says and writes of a batch when it is done with it: tables, reports, and the exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from jobs.bad_input import BadInput
from jobs.cli import github, tables
from jobs.cli.batch_run import MOST_NOTABLE, Ran
from jobs.cli.folders import check_folder
from jobs.cli.numbers import FiniteRange
from jobs.cli.phrases import Loudness
from jobs.exit_codes import ExitCode
from jobs.farm_failure import FarmFailure
from jobs.reports.baseline import Baseline, read_baseline
from jobs.reports.html import write_html
from jobs.reports.json_report import write_json
from jobs.reports.junit import write_junit
from jobs.reports.markdown import write_markdown
from jobs.reports.summary import summarise
from jobs.reports.thresholds import Thresholds
from jobs.reports.writing import ReportWriter, check_writable
from jobs.specs import Outcome


@dataclass(frozen=True)
class Ending:
    """What the user wants to have of a batch."""

    reports: Mapping[ReportWriter, Path]
    loudness: Loudness
    artefacts: Path | None = None
    baseline: Baseline | None = None
    thresholds: Thresholds | None = None

    def check(self, tests: Iterable[str] | None = None) -> None:
        """See, before anything is enqueued, that reports can be written, and that some of ``tests`` can be compared.

        Raises:
            BadInput: a report can't be written, two go to one file, or the baseline has none of the tests.
        """
        files = list(self.reports.values())
        if twice := [path for path in files if files.count(path) > 1]:
            raise BadInput(f"two reports are to be written to {twice[0]}; give each a file of its own")
        for path in files:
            check_writable(path)
        check_folder(self.artefacts, "--artefacts")
        if self.baseline is not None and tests is not None:
            self.baseline.check_knows_one_of(tests)

    @property
    def needs_verdicts(self) -> bool:
        """Whether something is to be told of every test."""
        return bool(self.reports or self.baseline or github.summary_file())

    def judged(self, ran: Ran) -> Ran:
        """The batch beside its baseline: regressions count in its exit code."""
        if self.baseline is None:
            return ran
        comparison = self.baseline.compare(ran.verdicts, self.thresholds or Thresholds())
        summary = summarise(ran.verdicts, ran.header.allow, comparison)
        return replace(ran, summary=summary, comparison=comparison)

    def show(self, console: Console, ran: Ran) -> None:
        """Print what is not simply passed, and the counts; then write the reports.

        Raises:
            FarmFailure: a file that could be written before the run can't be now.
        """
        if self.loudness != "quiet":
            self._show_notable(console, ran)
        if ran.comparison is not None:
            tables.print_comparison(console, ran.comparison)
        tables.print_summary(console, ran.summary, ran.seconds)
        if os.environ.get("GITHUB_ACTIONS") == "true":
            github.annotate(ran)
        # Last: a full disk must not cost the user what is on the screen.
        self._write(ran)

    def _show_notable(self, console: Console, ran: Ran) -> None:
        flaky = [one for one in ran.notable if one.outcome is Outcome.PASSED and one.recovered]
        others = [one for one in ran.notable if one.outcome is not Outcome.PASSED or not one.recovered]
        if others:
            tables.print_verdicts(console, others, title="Not simply passed")
        if flaky:
            tables.print_verdicts(console, flaky, title="Flaky: passed after a recovery")
        if len(ran.notable) == MOST_NOTABLE:
            console.print("there may be more; a report has all", style="dim")

    def _write(self, ran: Ran) -> None:
        for write, path in self.reports.items():
            with _writing(path):
                write(path, ran.header, ran.verdicts, ran.comparison, ran.files)
        summary = github.summary_file()
        if summary is not None:
            with _writing(summary):
                github.add_summary(summary, ran)


def exit_code(ran: Ran) -> int:
    """The code that the command ends with, the batch being finished or cancelled."""
    return int(ran.summary.exit_code if ran.finished else ExitCode.INTERRUPTED)


def ending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the switches for reports and loudness; it gets them as ``ending``, an ``Ending``."""

    def with_ending(quiet: bool, verbose: bool, artefacts: Path | None, baseline: Path | None, **given: Any) -> Any:
        if quiet and verbose:
            raise click.UsageError("give one of --quiet and --verbose")
        loudness: Loudness = "quiet" if quiet else "verbose" if verbose else "normal"
        reports = {write: path for name, write in _WRITERS.items() if (path := given.pop(name)) is not None}
        limits = {name: limit for name in _LIMITS if (limit := given.pop(f"baseline_{name}")) is not None}
        if limits and baseline is None:
            raise click.UsageError(f"--baseline-{next(iter(limits))} says how far to drift from --baseline; give that")
        ending = Ending(
            reports, loudness, artefacts, read_baseline(baseline) if baseline else None, Thresholds(**limits)
        )
        return command(ending=ending, **given)

    with_ending.__name__, with_ending.__doc__ = command.__name__, command.__doc__
    with_ending.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    decorated: Callable[..., Any] = with_ending
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_WRITERS: Mapping[str, ReportWriter] = {
    "report_json": write_json,
    "report_junit": write_junit,
    "report_html": write_html,
    "report_markdown": write_markdown,
}
_LIMITS = ("latency", "error", "failures")

_OPTIONS = (
    click.option("--report-json", type=click.Path(path_type=Path), help="Write the JSON report to this file."),
    click.option("--report-junit", type=click.Path(path_type=Path), help="Write the JUnit report to this file."),
    click.option("--report-html", type=click.Path(path_type=Path), help="Write the report as a page to this file."),
    click.option("--report-markdown", type=click.Path(path_type=Path), help="Write a summary in markdown."),
    click.option(
        "--artefacts",
        metavar="FOLDER",
        type=click.Path(path_type=Path),
        help="Write screenshots and logs of failed attempts there; the page and JUnit link to them.",
    ),
    click.option("--baseline", type=click.Path(path_type=Path), help="Compare with this JSON report of a former run."),
    click.option(
        "--baseline-latency",
        type=FiniteRange(1, 1e6, min_open=True),
        help="A median run time so many times the baseline's is a regression.  [default: 1.5]",
    ),
    click.option(
        "--baseline-error",
        type=FiniteRange(1, 1e12, min_open=True),
        help="A largest error so many times the baseline's is a regression.  [default: 10]",
    ),
    click.option(
        "--baseline-failures",
        type=FiniteRange(0, 1),
        help="So much more of a browser's tests struck by the infrastructure is a regression.  [default: 0.1]",
    ),
    click.option("--quiet", "-q", is_flag=True, help="Print only tests that failed, and the counts."),
    click.option("--verbose", "-v", is_flag=True, help="Print each step of each test."),
)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FarmFailure(f"report {path} was not written: {error.strerror}") from error
