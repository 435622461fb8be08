"""What a person sees while a batch runs, and which view suits where."""

from __future__ import annotations

import os
from typing import Protocol

from rich.console import Console

from jobs.batches.values import BatchHeader
from jobs.cli.live_view import LiveView
from jobs.cli.phrases import Loudness
from jobs.cli.plain_view import PlainView
from jobs.waiting import Listener


class View(Listener, Protocol):
    """Where a command tells what happens to a batch."""

    def started(self, header: BatchHeader, where: str) -> None:
        """The batch is published, or found."""

    def close(self) -> None:
        """Nothing more will be told."""


def view_for(console: Console, loudness: Loudness = "normal") -> View:
    """A live table in a terminal, plain lines in CI and pipes."""
    in_ci = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
    if loudness == "quiet" or in_ci or not console.is_terminal:
        return PlainView(console, loudness)
    return LiveView(console, loudness)
