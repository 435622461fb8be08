"""``breakwater cancel``: end a batch that was enqueued, here or elsewhere."""

from __future__ import annotations

import click

from jobs.cli.attached import attached, batch_argument


@click.command()
@batch_argument
def cancel(batch: str) -> int:
    """Cancel a batch: its waiting tests end as cancelled, the running ones as soon as they notice."""
    farm, _ = attached("cancel", batch)
    if farm.backend.store.progress(batch).finished:
        click.echo(f"batch {batch} is finished already; nothing to cancel")
        return 0
    farm.backend.store.cancel(batch)
    progress = farm.backend.store.progress(batch)
    running = f"; {progress.running} still running will end soon" if progress.running else ""
    click.echo(f"batch {batch} is cancelled: {progress.outcomes.get('cancelled', 0)} tests did not run{running}")
    return 0
