"""Tests that wait in a queue which no worker reads: somebody must take them, or the batch waits for ever."""

from __future__ import annotations

import contextlib
import itertools
import time
from collections.abc import Iterator

from jobs.batches.presence import Presence
from jobs.batches.store import BatchStore
from jobs.batches.values import Claim, Owner, Progress, UnknownBatch
from jobs.routing import QUEUE_NAMES

# Tests taken from one queue per look.
_MOST = 200


class UnmannedQueues:
    """Watches one batch's queues. ``grace``: seconds that one may be without a worker."""

    def __init__(self, store: BatchStore, presence: Presence, batch: str, owner: Owner, grace: float) -> None:
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


class UnmannedFarm:
    """Watches the queues of all open batches, one batch a look: most of them have no client that waits.

    What is left of finished batches in queues without a worker is cleared away, a queue a look.
    """

    def __init__(self, store: BatchStore, presence: Presence, owner: Owner, grace: float) -> None:
        self._store = store
        self._presence = presence
        self._owner = owner
        self._grace = grace
        self._batches: dict[str, UnmannedQueues] = {}
        self._looks = 0

    def claims(self, most: int) -> Iterator[Claim]:
        """Up to ``most`` claims on tests that nobody serves. The caller sends each on, or ends it."""
        self._looks += 1
        idle = sorted(set(QUEUE_NAMES) - set(self._presence.live_queues()))
        if idle:
            self._store.drop_dead(idle[self._looks % len(idle)], _MOST)
        opened, _, _ = self._store.unfinished()
        self._batches = {batch: self._watched(batch) for batch in opened}
        if not opened:
            return
        batch = opened[self._looks % len(opened)]
        with contextlib.suppress(UnknownBatch):  # just finished, and gone
            yield from itertools.islice(self._batches[batch].claims(self._store.progress(batch)), most)

    def _watched(self, batch: str) -> UnmannedQueues:
        if batch in self._batches:
            return self._batches[batch]
        return UnmannedQueues(self._store, self._presence, batch, self._owner, self._grace)
