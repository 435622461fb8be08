"""What a command says and writes of a batch when it is done with it: tables, reports, and the exit code."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from rich.console import Console

from jobs.cli import github, tables
from jobs.cli.batch_run import MOST_NOTABLE, Ran
from jobs.cli.phrases import Loudness
from jobs.farm import FarmFailure
from jobs.plan import BadInput
from jobs.reports import check_writable, write_json, write_junit
from jobs.reports.summary import ExitCode
from jobs.specs import Outcome


@dataclass(frozen=True)
class Ending:
    """What the user wants to have of a batch."""

    report_json: Path | None
    report_junit: Path | None
    loudness: Loudness

    def check(self) -> None:
        """See, before anything is enqueued, that the reports can be written.

        Raises:
            BadInput: one of them can't be, or two go to one file.
        """
        files = [path for path in (self.report_json, self.report_junit) if path is not None]
        if len(set(files)) < len(files):
            raise BadInput(f"two reports are to be written to {files[0]}; give each a file of its own")
        for path in files:
            check_writable(path)

    @property
    def needs_verdicts(self) -> bool:
        """Whether something is to be written that tells of every test."""
        return bool(self.report_json or self.report_junit or github.summary_file())

    def show(self, console: Console, ran: Ran) -> None:
        """Print what is not simply passed, and the counts; then write the reports.

        Raises:
            FarmFailure: a file that could be written before the run can't be now.
        """
        if self.loudness != "quiet":
            self._show_notable(console, ran)
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
        for path, write in ((self.report_json, write_json), (self.report_junit, write_junit)):
            if path is not None:
                with _writing(path):
                    write(path, ran.header, ran.verdicts)
        summary = github.summary_file()
        if summary is not None:
            with _writing(summary):
                github.add_summary(summary, ran)


def exit_code(ran: Ran) -> int:
    """The code that the command ends with, the batch being finished or cancelled."""
    return int(ran.summary.exit_code if ran.finished else ExitCode.INTERRUPTED)


def ending_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the switches for reports and loudness; it gets them as ``ending``, an ``Ending``."""

    def with_ending(
        report_json: Path | None, report_junit: Path | None, quiet: bool, verbose: bool, **given: Any
    ) -> Any:
        if quiet and verbose:
            raise click.UsageError("give one of --quiet and --verbose")
        loudness: Loudness = "quiet" if quiet else "verbose" if verbose else "normal"
        return command(ending=Ending(report_json, report_junit, loudness), **given)

    with_ending.__name__, with_ending.__doc__ = command.__name__, command.__doc__
    with_ending.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    decorated: Callable[..., Any] = with_ending
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated


_OPTIONS = (
    click.option("--report-json", type=click.Path(path_type=Path), help="Write the JSON report to this file."),
    click.option("--report-junit", type=click.Path(path_type=Path), help="Write the JUnit report to this file."),
    click.option("--quiet", "-q", is_flag=True, help="Print only tests that failed, and the counts."),
    click.option("--verbose", "-v", is_flag=True, help="Print each step of each test."),
)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise FarmFailure(f"report {path} was not written: {error.strerror}") from error
