"""Keep the leases of the attempts that this process runs, from a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import threading
import time
from collections.abc import Callable, Iterator

import redis

from jobs.batches.claims import Claims, Renewal
from jobs.batches.values import Claim, StaleAttempt

log = logging.getLogger(__name__)

# Seconds between two looks whether the worker is leaving.
_LOOK = 0.5


def _never() -> bool:
    return False


class HeldLease:
    """One attempt's lease, and what the last renewal said of it. It lasts through ``next_in_place``."""

    def __init__(self, claim: Claim, at_most: float = math.inf, leaving: Callable[[], bool] = _never) -> None:
        self.claim = claim
        self._leaving = leaving
        self.ends = time.monotonic() + at_most
        self.was_told = self.was_given_back = False
        self._state: Renewal = "held"
        self._stop = threading.Event()
        self._along: Callable[[], object] | None = None

    @contextlib.contextmanager
    def renewing(self, renew: Callable[[], object]) -> Iterator[None]:
        """Renew something else along with the lease, for the length of the block: in the keeper's thread, as often."""
        self._along = renew
        try:
            yield
        finally:
            self._along = None

    def follow(self, claim: Claim) -> None:
        """Name the attempt that runs now, as ``next_in_place`` returned it. The lease itself goes on either way."""
        self.claim = claim

    def claim_state(self) -> Renewal:
        """``held``, ``lost`` (somebody else has the test) or ``cancelled`` (held, but nobody wants the result).

        While Redis is away it stays as it was: when the attempt ends, the store decides by its fence.
        """
        return self._state

    @property
    def leaving(self) -> bool:
        """Whether this worker leaves, so that the test, if it is still held, is to be given back."""
        return self._leaving()

    @property
    def should_stop(self) -> bool:
        """Whether the attempt's result is wanted no more, or not from this worker."""
        return self._stop.is_set() or self.leaving

    def wait_stop(self, timeout: float) -> bool:
        """Wait up to ``timeout`` seconds for ``should_stop``, and tell it."""
        return self._stop.wait(timeout)

    def _learn(self, state: Renewal) -> None:
        if state != "held":
            self._state = state
            self._stop.set()


class LeaseKeeper:
    """Renews at a third of the lease. One per process; its thread starts with the first lease, so after a fork.

    ``with keeper.hold(claim) as held: …`` – the end of the block only stops the renewing: finish, send on or give back.
    ``leaving``: whether this worker is leaving. Whoever holds a lease then should give the test back; if it doesn't
    within a second, as it waits for a browser say, the keeper does.
    """

    def __init__(self, store: Claims, leaving: Callable[[], bool] = _never) -> None:
        self._store = store
        self._leaving = leaving
        self._interval = store.lease_seconds / 3
        self._reset()

    def _reset(self) -> None:
        self._pid = os.getpid()
        self._changed = threading.Condition()
        self._held: list[HeldLease] = []
        self._thread: threading.Thread | None = None

    @contextlib.contextmanager
    def hold(self, claim: Claim, at_most: float = math.inf) -> Iterator[HeldLease]:
        """Keep the lease of a claim for the length of the block, but no longer than ``at_most`` seconds.

        After that it counts as lost: a process that hangs where nothing can see it must not keep a test for ever.
        """
        if self._pid != os.getpid():
            # Forked: neither the parent's thread nor its leases came along, and its lock may have been taken.
            self._reset()
        held = HeldLease(claim, at_most, self._leaving)
        with self._changed:
            self._held.append(held)
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._keep, name="lease-keeper", daemon=True)
                self._thread.start()
            self._changed.notify_all()
        try:
            yield held
        finally:
            with self._changed:
                self._held.remove(held)

    def close(self) -> None:
        """End the thread; the next ``hold`` starts another."""
        if self._pid != os.getpid():
            return
        with self._changed:
            thread, self._thread = self._thread, None
            self._changed.notify_all()
        if thread is not None:
            thread.join(self._store.lease_seconds)

    def _keep(self) -> None:
        this = threading.current_thread()
        renewed = time.monotonic()
        while True:
            with self._changed:
                if not self._held:
                    self._changed.wait_for(lambda: self._held or self._thread is not this)
                    # A lease that begins while we wait here was just claimed: it has time until the next round.
                    renewed = time.monotonic()
                self._changed.wait_for(lambda: self._thread is not this, timeout=min(self._interval, _LOOK))
                if self._thread is not this:
                    return
                held_now = list(self._held)
            is_due = time.monotonic() - renewed >= self._interval
            if is_due:
                renewed = time.monotonic()
            for held in held_now:
                try:
                    if held.leaving:
                        self._give_back(held)
                    elif is_due:
                        self._renew(held)
                except Exception:  # what goes wrong with one must not end the others' leases
                    log.exception("lease of %s:%s not kept", held.claim.batch, held.claim.test)

    def _give_back(self, held: HeldLease) -> None:
        """At the second look: the first is left to whoever runs the attempt, and who may be just about to end it.

        And at each look after it, until it is done: an attempt that goes on in place just now has another name.
        """
        if not held.was_told:
            held.was_told = True
        elif not held.was_given_back:
            with contextlib.suppress(StaleAttempt, redis.RedisError):
                self._store.give_back(held.claim)
                held.was_given_back = True
                held._learn("lost")

    def _renew(self, held: HeldLease) -> None:
        if time.monotonic() > held.ends:
            held._learn("lost")
            return
        try:
            held._learn(self._store.renew(held.claim))
        except redis.RedisError as error:
            log.warning("lease of %s:%s not renewed: %s", held.claim.batch, held.claim.test, error)
        if along := held._along:
            along()
