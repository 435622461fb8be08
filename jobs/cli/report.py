"""``breakwater report``: what is known of a batch, finished or not, on the screen and in files."""

from __future__ import annotations

import click
from rich.console import Console

from jobs.cli.attached import attached, batch_argument
from jobs.cli.batch_run import Ran, sum_up
from jobs.cli.endings import Ending, ending_options, exit_code
from jobs.cli.phrases import show_counts
from jobs.exit_codes import ExitCode


@click.command()
@batch_argument
@ending_options
def report(batch: str, ending: Ending) -> int:
    """Print and write what is known of a batch, finished or not.

    Ends with the batch's exit code; with 3 while it goes on and nothing has failed yet.
    """
    ending.check()
    farm, _ = attached("report", batch)
    ran = ending.judged(sum_up(farm.backend, batch, ending.needs_verdicts, ending.artefacts))
    progress = farm.backend.store.progress(batch)
    if not ran.finished:
        click.echo(f"batch {batch} is not finished: {show_counts(progress, None)}")
    ending.show(Console(), ran)
    return exit_code(ran) if ran.finished else _code_so_far(ran)


def _code_so_far(ran: Ran) -> int:
    code = ran.summary.exit_code
    return int(ExitCode.INFRASTRUCTURE if code is ExitCode.PASSED else code)
