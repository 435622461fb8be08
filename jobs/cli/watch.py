"""``breakwater watch``: look on while a batch runs."""

from __future__ import annotations

import click
from rich.console import Console

from jobs.cli.attached import attached, batch_argument
from jobs.cli.batch_run import sum_up
from jobs.cli.endings import Ending, exit_code
from jobs.cli.following import follow_attached


@click.command()
@batch_argument
@click.option("--verbose", "-v", is_flag=True, help="Print each step of each test.")
def watch(batch: str, verbose: bool) -> int:
    """Watch a batch live until it is finished, without taking part. Ends with its exit code."""
    farm, header = attached("watch", batch)
    console = Console()
    ending = Ending({}, "verbose" if verbose else "normal")
    follow_attached(farm, header, console, ending, serve=False, seconds=None)
    ran = sum_up(farm.backend, batch, keep_verdicts=False)
    ending.show(console, ran)
    return exit_code(ran)
