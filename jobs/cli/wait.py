"""``breakwater wait``: wait for a batch that was enqueued, here or elsewhere."""

from __future__ import annotations

import click
from rich.console import Console

from jobs.cli.attached import attached, batch_argument
from jobs.cli.batch_run import sum_up
from jobs.cli.endings import Ending, ending_options, exit_code
from jobs.cli.following import follow_attached
from jobs.cli.numbers import FiniteRange
from jobs.exit_codes import ExitCode


@click.command()
@batch_argument
@ending_options
@click.option("--timeout", type=FiniteRange(1), help="Seconds to wait at most; the batch goes on.")
def wait(batch: str, ending: Ending, timeout: float | None) -> int:
    """Wait for a batch, from anywhere, and end with its exit code.

    Ctrl-C stops the waiting, not the batch: `breakwater cancel` does that.
    """
    ending.check()
    farm, header = attached("wait", batch)
    console = Console()
    follow_attached(farm, header, console, ending, serve=True, seconds=timeout)
    ran = ending.judged(sum_up(farm.backend, batch, ending.needs_verdicts, ending.artefacts))
    ending.show(console, ran)
    if ran.finished:
        return exit_code(ran)
    click.echo(f"breakwater: batch {batch} is not finished after {timeout:g} s; it goes on", err=True)
    return int(ExitCode.INFRASTRUCTURE)
