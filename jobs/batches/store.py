"""The batch store: everything that is known of a batch, in Redis. Its parts are a file each."""

from __future__ import annotations

from jobs.batches.advance import Advancing
from jobs.batches.publish import Publishing
from jobs.batches.reaping import Reaping
from jobs.batches.watch import Watching


class BatchStore(Publishing, Advancing, Reaping, Watching):
    """Batches as clients, workers and reapers use them. Every change is one script: whole, or not at all.

    Safe to share between threads. A forked child makes its own.
    """
