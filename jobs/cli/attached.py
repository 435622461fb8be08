"""Find a batch by its id, from any machine: all that it takes is the farm's URL."""

from __future__ import annotations

import click

from jobs.bad_input import BadInput
from jobs.batches import BatchHeader, UnknownBatch
from jobs.cli.batch_ids import parse_batch
from jobs.cli.farms import FarmInUse, standing_farm

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
