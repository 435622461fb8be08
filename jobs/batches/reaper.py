"""The reaper: sends on what died with its worker. Any worker or waiting client may tick it; an election saves work.

Killed in the middle, it loses nothing: an entry is removed only by the script that moves its test on.
"""

from __future__ import annotations

import contextlib
import logging
import os
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from jobs.batches.keyspace import redis_time
from jobs.batches.store import BatchStore
from jobs.batches.values import Claim, StaleAttempt, UnknownBatch, UnreadableTest

log = logging.getLogger(__name__)

# Seconds after which another reaper may take over from one that fell silent. Tick more often than that.
TERM = 2.0
# An election's answer: elected, and leases count.
_REAP = 1
# Bounds of one tick.
_LEASES, _PARKED, _STRAYS, _BATCHES, _PIECES = 100, 500, 100, 50, 5


@dataclass(frozen=True)
class Tick:
    """What a tick did. ``lost``: expired leases handed to ``on_lost``; ``failed``: those where it raised."""

    lost: int
    failed: int
    unparked: int
    strays: int


class Reaper:
    """Ticks for one process. Not for several threads at once."""

    def __init__(self, store: BatchStore) -> None:
        self._store = store
        self._name = uuid.uuid4().hex
        self._keys = [store.shared_key("reaper"), store.shared_key("reaper:rounds")]
        # Longer than it takes another reaper to step in; shorter than what any lease has left when Redis goes away.
        self._pause = max(2 * TERM, store.lease_seconds * 2 / 3)
        self._rounds = 0

    def tick(self, on_lost: Callable[[Claim], None]) -> Tick | None:
        """Do a bounded amount of work, if this reaper is the elected one; else None.

        ``on_lost`` gets a claim on each attempt whose holder (``claim.owner``) let the lease end. It decides, and calls
        ``send_on``, ``park`` or ``finish``; if it raises, the attempt comes again when the claim's own lease ends.
        """
        elected = self._elected()
        if not elected:
            return None
        store = self._store
        expired, due = store.overdue(max(_LEASES, _PARKED))
        lost = failed = 0
        for batch, test in expired[:_LEASES] if elected == _REAP else ():
            claim = self._take(batch, test)
            if claim is not None:
                lost += 1
                failed += not self._hand_over(claim, on_lost)
        unparked = store.unpark(due[:_PARKED]) if due else 0
        return Tick(lost, failed, unparked, self._tend_batches())

    def _elected(self) -> int:
        # The pid: a forked child is a reaper of its own.
        candidate = f"{self._name}:{os.getpid()}"
        args: list[str | float] = [candidate, int(TERM * 1000), self._pause, self._store.lease_seconds / 2]
        elected: int = self._store.script("elect")(keys=self._keys, args=args)
        return elected

    def _take(self, batch: str, test: str) -> Claim | None:
        try:
            return self._store.take_expired(batch, test)
        except UnreadableTest as newer:
            log.warning("a lost attempt: %s", newer)
            return None

    def _hand_over(self, claim: Claim, on_lost: Callable[[Claim], None]) -> bool:
        try:
            on_lost(claim)
        except StaleAttempt:
            pass  # Somebody was faster: what was to be done is done.
        except Exception:
            log.exception("lost attempt %s:%s:%s not sent on", claim.batch, claim.test, claim.number)
            return False
        return True

    def _tend_batches(self) -> int:
        opened, feeding, cancelling = self._store.unfinished()
        for batch in cancelling[:_BATCHES]:
            self._repeat(self._store.close_some, batch)
        for batch in feeding[:_BATCHES]:
            self._repeat(self._store.feed, batch)
        # A few batches a tick, in turn.
        start = self._rounds * _BATCHES % len(opened) if opened else 0
        self._rounds += 1
        some = opened[start : start + _BATCHES]
        for batch in some:
            self._end_if_abandoned(batch)
        return sum(self._store.requeue_strays(batch, _STRAYS) for batch in some)

    def _end_if_abandoned(self, batch: str) -> None:
        """Cancel a batch that is open for too long; the next ticks close its tests."""
        with contextlib.suppress(UnknownBatch):
            if redis_time(self._store.client) - self._store.header(batch).created_at > self._store.longest_seconds:
                log.warning("batch %s is not finished after %g s: cancelled", batch, self._store.longest_seconds)
                self._store.cancel(batch, by="reaper", why="abandoned")

    def _repeat(self, step: Callable[[str], bool], batch: str) -> None:
        for _ in range(_PIECES):
            if not step(batch):
                return
