"""``breakwater enqueue``: publish a batch on a farm and leave it there."""

from __future__ import annotations

import click

from jobs.cli.batch_options import BatchOptions, batch_options
from jobs.cli.batch_run import publish, queue_notes
from jobs.cli.farms import standing_farm
from jobs.plan import Plan


@click.command()
@batch_options
def enqueue(options: BatchOptions) -> int:
    """Publish BATCH.toml, or a built-in batch, on the farm at BREAKWATER_REDIS_URL, and print the batch's id.

    `breakwater wait`, `watch`, `report` and `cancel` take that id, on any machine that reaches the farm.
    """
    plan = options.plan()
    if not plan.total:
        click.echo(f"{plan.name}: no test is left to enqueue", err=True)
        return 0
    return publish_detached(plan, options.batch)


def publish_detached(plan: Plan, batch: str | None) -> int:
    """Publish and say where; the id alone goes to standard output, for scripts."""
    farm = standing_farm("enqueue")
    header = publish(farm.backend, plan, batch)
    click.echo(f"{plan.total} tests on {farm.where}; see `breakwater wait {header.id}`", err=True)
    for note in queue_notes(farm.backend, header.id):
        click.echo(note, err=True)
    click.echo(header.id)
    return 0
