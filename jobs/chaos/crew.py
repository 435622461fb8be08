"""Which browsers the worker nodes of a farm get."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import cycle, islice

from recovery import BrowserType


def crew_of(browsers: Sequence[BrowserType], workers: int, others: Sequence[BrowserType] = ()) -> list[BrowserType]:
    """So many nodes with these browsers in turn, each at least once; and one for each other browser to fall back to."""
    nodes = list(islice(cycle(browsers), max(workers, len(browsers))))
    return [*nodes, *(browser for browser in others if browser not in browsers)]
