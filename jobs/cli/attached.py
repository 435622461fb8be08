"""Find a batch by its id, from any machine: all that it takes is the farm's URL."""

from __future__ import annotations

import click
from rich.console import Console

from jobs.batches import BatchHeader, UnknownBatch
from jobs.cli.batch_options import parse_batch
from jobs.cli.batch_run import follow
from jobs.cli.endings import Ending
from jobs.cli.farms import FarmInUse, standing_farm
from jobs.cli.views import view_for
from jobs.plan import BadInput

batch_argument = click.argument("batch", callback=parse_batch)
"""A batch's id."""


def attached(command: str, batch: str) -> tuple[FarmInUse, BatchHeader]:
    """The farm, and the batch on it.

    Raises:
        BadInput: no farm is named, or it has no such batch.
        RedisUnavailable: nothing answers there.
    """
    farm = standing_farm(command)
    try:
        return farm, farm.backend.store.header(batch)
    except UnknownBatch as error:
        raise BadInput(f"{command}: {error}") from error


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
