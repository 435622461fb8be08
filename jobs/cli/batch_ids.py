"""The id of a batch, as it is typed."""

from __future__ import annotations

import re

import click

from jobs.batches.values import BATCH_ID


def parse_batch(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    """A batch id, before anything is asked of Redis."""
    if value is not None and not re.fullmatch(BATCH_ID, value):
        raise click.BadParameter(f"{value!r} is no batch id; give up to 100 letters, digits and . _ -")
    return value
