"""Wait for a batch: tell what happens to it, and do a client's share of the work that keeps batches going.

That share is the reaper's rounds, and tests that nobody serves. Redis may go away meanwhile, and come back.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import redis
from redis.exceptions import OutOfMemoryError

from breakers import BreakerError, CircuitView
from jobs import carrying_out
from jobs.backend import BOOT, Backend
from jobs.batches import Claim, Owner, Progress, Reaper, StaleAttempt
from jobs.batches.events import BatchEvent
from jobs.batches.unmanned import UnmannedQueues
from jobs.connections import REDIS_ABSENCE
from jobs.settings import settings
from recovery import BrowserType, ModelType

# Milliseconds that one read of the event stream waits; also how late a Ctrl-C may be heard.
_BLOCK_MS = 500
# Seconds between two rounds of reaping and tending.
_ROUND = 1.0

_TASK_CIRCUITS = ("task:simulation", "task:python", *(f"task:{model_type.value}" for model_type in ModelType))


class Listener(Protocol):
    """Whom a waiting client tells what happens."""

    def happened(self, event: BatchEvent) -> None:
        """Something happened to the batch."""

    def progressed(self, progress: Progress, open_circuits: Mapping[str, CircuitView]) -> None:
        """How far the batch is now, and which circuits of the farm let nothing through."""

    def noted(self, note: str) -> None:
        """Something that the user should know, in one line."""


class Waiting:
    """One client's wait for one batch.

    ``serve``: do a client's share of the work; a mere onlooker doesn't. ``tend``: called each round; starts again what
    died of an embedded farm, and names it.
    """

    def __init__(
        self,
        backend: Backend,
        batch: str,
        listener: Listener,
        *,
        serve: bool = True,
        tend: Callable[[], list[str]] | None = None,
    ) -> None:
        self._backend = backend
        self._batch = batch
        self._listener = listener
        self._serve = serve
        self._tend = tend
        self._reaper = Reaper(backend.store)
        owner = Owner(node="client", boot=BOOT, pid=os.getpid())
        self._unmanned = UnmannedQueues(backend.store, backend.presence, batch, owner, settings().unserved_seconds)
        self._after = "0"
        self._next_round = 0.0
        self._open: Mapping[str, CircuitView] = {}
        self._redis_seen = time.monotonic()
        self._redis_away = False
        self._was_finished = False

    def until_finished(self, seconds: float | None = None) -> bool:
        """Wait, for at most ``seconds``; whether the batch is finished.

        Raises:
            UnknownBatch: there is no such batch.
            redis.RedisError: Redis is away for longer than ``REDIS_ABSENCE``.
        """
        ends = None if seconds is None else time.monotonic() + seconds
        while ends is None or time.monotonic() < ends:
            try:
                if self._look():
                    return True
            except (redis.ConnectionError, redis.TimeoutError, OutOfMemoryError, BreakerError):
                if time.monotonic() - self._redis_seen > REDIS_ABSENCE:
                    raise
                self._bear_absence()
            for name in self._tend() if self._tend else ():
                self._listener.noted(f"the embedded {name} died and was started again")
        return False

    def _look(self) -> bool:
        """Tell what is new; whether nothing more will come."""
        store = self._backend.store
        events = store.events(self._batch, self._after, _BLOCK_MS)
        for event in events:
            self._after = event.id
            self._listener.happened(event)
        progress = store.progress(self._batch)
        if time.monotonic() >= self._next_round:
            self._round(progress)
            self._next_round = time.monotonic() + _ROUND
        self._listener.progressed(progress, self._open)
        if self._redis_away:
            self._listener.noted("Redis is back")
        self._redis_seen, self._redis_away = time.monotonic(), False
        if events and events[-1].type == "finished":
            return True
        # What came between the two reads, the last verdict perhaps, is told at the next look.
        was_finished, self._was_finished = self._was_finished, progress.finished
        return was_finished and not events

    def _round(self, progress: Progress) -> None:
        self._open = self._open_circuits(progress)
        if not self._serve:
            return
        self._reaper.tick(lambda claim: carrying_out.worker_lost(self._backend, claim))
        for claim in self._unmanned.claims(progress):
            _hand_over(self._backend, claim)

    def _open_circuits(self, progress: Progress) -> Mapping[str, CircuitView]:
        queues = progress.queues
        browsers = [f"browser:{one.value}" for one in BrowserType if f"browser.{one.value}" in queues]
        workers = [f"worker:{node.node}" for node in self._backend.presence.nodes()]
        states = self._backend.registry.states(*browsers, *workers, *_TASK_CIRCUITS)
        return {name: view for name, view in states.items() if view.retry_after > 0}

    def _bear_absence(self) -> None:
        if time.monotonic() - self._redis_seen > _ROUND and not self._redis_away:
            self._redis_away = True
            self._listener.noted(f"Redis does not answer; waiting up to {REDIS_ABSENCE:.0f} s for it")
        time.sleep(0.2)


def _hand_over(backend: Backend, claim: Claim) -> None:
    with contextlib.suppress(StaleAttempt):  # a worker came after all
        carrying_out.nobody_serves(backend, claim)
