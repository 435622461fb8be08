"""Tests that wait in a queue which no worker reads: somebody must take them, or the batch waits for ever."""

from __future__ import annotations

import time
from collections.abc import Iterator

from jobs.batches.presence import Presence
from jobs.batches.store import BatchStore
from jobs.batches.values import Claim, Owner, Progress

# Seconds that a queue may be without a worker: one may just be starting, or restarting.
GRACE = 20.0
# Tests taken per look.
_MOST = 200


class UnmannedQueues:
    """Watches one batch's queues for one waiting client."""

    def __init__(self, store: BatchStore, presence: Presence, batch: str, owner: Owner, grace: float = GRACE) -> None:
        self._store = store
        self._presence = presence
        self._batch = batch
        self._owner = owner
        self._grace = grace
        self._since: dict[str, float] = {}

    def claims(self, progress: Progress) -> Iterator[Claim]:
        """Claims on tests whose queue has had no worker for the grace time. The caller sends each on, or ends it."""
        manned = self._presence.live_queues()
        now = time.monotonic()
        for queue, counts in progress.queues.items():
            if not counts.queued or manned.get(queue):
                self._since.pop(queue, None)
            elif now - self._since.setdefault(queue, now) >= self._grace:
                yield from self._claim_waiting(queue)

    def _claim_waiting(self, queue: str) -> Iterator[Claim]:
        for test, number in self._store.queued_in(self._batch, queue, _MOST):
            claim = self._store.claim(self._batch, test, number, self._owner)
            if isinstance(claim, Claim):
                yield claim
