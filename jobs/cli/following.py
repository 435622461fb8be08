"""Look on while a batch runs that is not this command's own."""

from __future__ import annotations

import click
from rich.console import Console

from jobs.batches import BatchHeader
from jobs.cli.batch_run import follow
from jobs.cli.endings import Ending
from jobs.cli.farms import FarmInUse
from jobs.cli.views import view_for


def follow_attached(
    farm: FarmInUse, header: BatchHeader, console: Console, ending: Ending, *, serve: bool, seconds: float | None
) -> None:
    """Show a batch that goes on when this command is interrupted."""
    try:
        view = view_for(console, ending.loudness)
        follow(farm, header, view, on_interrupt="leave", serve=serve, seconds=seconds)
    except KeyboardInterrupt:
        click.echo(f"batch {header.id} goes on; `breakwater cancel {header.id}` ends it", err=True)
        raise
