"""What GitHub Actions shows of a batch: annotations by workflow commands, and the job's summary."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import click

from jobs.cli.batch_run import Ran
from jobs.cli.phrases import show_verdict
from jobs.reports.markdown import render_markdown
from jobs.specs import Outcome

# GitHub shows ten of a kind for a step; the summary has the rest.
_MOST_ANNOTATIONS = 10


def summary_file() -> Path | None:
    """Where the job's summary is collected; None: not a job of GitHub's."""
    name = os.environ.get("GITHUB_STEP_SUMMARY")
    return Path(name) if name else None


def add_summary(path: Path, ran: Ran) -> None:
    """Add the batch to the job's summary.

    Raises:
        OSError: the file can't be written.
    """
    with path.open("a", encoding="utf-8") as file:
        file.write(render_markdown(ran.header, ran.verdicts, ran.comparison))


def annotate(ran: Ran) -> None:
    """Print what GitHub shows beside the job: errors for tests that did not pass, warnings for flaky ones."""
    for line in commands_for(ran):
        click.echo(line)


def commands_for(ran: Ran) -> Iterator[str]:
    """The workflow commands, one line each."""
    red = [one for one in ran.notable if one.outcome in {Outcome.FAILED, Outcome.ERROR}]
    flaky = [one for one in ran.notable if one.outcome is Outcome.PASSED and one.recovered]
    for one in red[:_MOST_ANNOTATIONS]:
        yield f"::error title={_property(f'{one.outcome.value}: {one.test}')}::{_message(show_verdict(one))}"
    for one in flaky[:_MOST_ANNOTATIONS]:
        yield f"::warning title={_property(f'flaky: {one.test}')}::{_message(show_verdict(one))}"


def _message(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _message(text).replace(":", "%3A").replace(",", "%2C")
