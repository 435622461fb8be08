"""Lets calls through circuits, or doesn't, and records how they ended; from a thread or from an event loop.

Here the parts meet: this process's notes, the store, an outage, listeners. What is decided about a circuit is decided
in Redis; what a call does while Redis is away is decided here.
"""

from __future__ import annotations

import logging
import os
import time
from typing import Literal

from breakers.address import Address
from breakers.errors import CircuitOpenError, StoreUnavailable
from breakers.events import CallRecorded, CallRejected, StateChanged, StoreBack, StoreLost, Transition
from breakers.follower import Follower
from breakers.keys import Keys
from breakers.listeners import Listeners
from breakers.notes import Notes
from breakers.operations import TOKEN, Operations, Outcome, Told, is_leased
from breakers.outage import Outage
from breakers.scripts import Scripts
from breakers.settings import CircuitSettings
from breakers.store import Store

logger = logging.getLogger("breakwater.breakers")

OnStoreError = Literal["allow", "reject"]


class Gate:
    """One registry's gate in this process. Thread-safe; a forked child starts with nothing of its parent's."""

    def __init__(
        self,
        address: Address,
        keys: Keys,
        scripts: Scripts,
        *,
        defaults: CircuitSettings,
        on_store_error: OnStoreError,
        note_seconds: float,
    ) -> None:
        self.listeners = Listeners()
        self.notes = Notes(note_seconds)
        self.follower = Follower(address, keys.events, self._transition)
        self.outage = Outage(address, self._store_changed)
        self.store = Store(address, self.outage, self._renew_after_fork)
        self.operations = Operations(keys, scripts, self.notes, defaults)
        self._on_store_error = on_store_error
        self.unguarded = 0
        """Calls that were let through without asking, because Redis was away."""
        self._verbose = os.environ.get("CIRCUIT_BREAKER_VERBOSE", "") not in {"", "0"}
        if self._verbose:
            _make_heard()

    def enter(self, names: tuple[str, ...], lease: float | None = None) -> bytes | None:
        """A token for one call on all these circuits; None: Redis is away, and the call is made on trust.

        ``lease``: seconds that a probe holds its place unless it renews; None: as the settings say.

        Raises:
            CircuitOpenError: a circuit is in the way.
            StoreUnavailable: Redis is away, and calls are to be rejected then.
        """
        if waits := self.notes.in_the_way(names):
            raise self._rejected(names, CircuitOpenError(waits), "known from an earlier look")
        try:
            token = self.store.run(self.operations.acquire(names, lease))
        except CircuitOpenError as rejection:
            raise self._rejected(names, rejection, "asked Redis") from None
        except StoreUnavailable:
            self._without_store(names)
            return None
        return self._let_through(names, token)

    async def enter_async(self, names: tuple[str, ...], lease: float | None = None) -> bytes | None:
        """As ``enter``. Cancelled while it waits, it takes no permit."""
        if waits := self.notes.in_the_way(names):
            raise self._rejected(names, CircuitOpenError(waits), "known from an earlier look")
        try:
            undo = self.operations.prepared(names).release
            token = await self.store.run_async(self.operations.acquire(names, lease), undo)
        except CircuitOpenError as rejection:
            raise self._rejected(names, rejection, "asked Redis") from None
        except StoreUnavailable:
            self._without_store(names)
            return None
        return self._let_through(names, token)

    def leave(
        self,
        names: tuple[str, ...],
        token: bytes | None,
        outcome: Outcome,
        took: float | None,
        suspect: str | None = None,
    ) -> None:
        """Record how the call ended. Never raises for Redis's sake: the call is over, its result must not be lost."""
        if token is None:
            return
        try:
            told = self.store.run(self.operations.record(names, outcome, took, token, suspect))
        except StoreUnavailable as error:
            self._unrecorded(names, outcome, error)
        else:
            self._recorded(names, outcome, took, told)

    async def leave_async(
        self,
        names: tuple[str, ...],
        token: bytes | None,
        outcome: Outcome,
        took: float | None,
        suspect: str | None = None,
    ) -> None:
        """As ``leave``. The outcome is on its way once this has begun, even if the caller is cancelled."""
        if token is None:
            return
        try:
            told = await self.store.run_async(self.operations.record(names, outcome, took, token, suspect))
        except StoreUnavailable as error:
            self._unrecorded(names, outcome, error)
        else:
            self._recorded(names, outcome, took, told)

    def renew(self, names: tuple[str, ...], token: bytes | None, lease: float | None = None) -> bool:
        """Lengthen the leases of a call's permits; whether all are held. Asks nothing where nothing is leased."""
        if token is None or not is_leased(token):
            return token is not None
        try:
            return self.store.run(self.operations.renew(names, token, lease))
        except StoreUnavailable:
            return False

    async def renew_async(self, names: tuple[str, ...], token: bytes | None, lease: float | None = None) -> bool:
        """As ``renew``."""
        if token is None or not is_leased(token):
            return token is not None
        try:
            return await self.store.run_async(self.operations.renew(names, token, lease))
        except StoreUnavailable:
            return False

    def record(self, names: tuple[str, ...], outcome: Outcome, took: float | None) -> None:
        """Record an outcome that was seen from outside, without a token."""
        self.leave(names, b"", outcome, took)

    def _let_through(self, names: tuple[str, ...], token: bytes) -> bytes:
        if self._verbose:
            for name, (generation, permit) in zip(names, TOKEN.iter_unpack(token), strict=True):
                as_what = f"probe {permit}" if permit else "call"
                logger.info("%s: let through as %s of generation %d", name, as_what, generation)
        return token

    def _rejected(self, names: tuple[str, ...], rejection: CircuitOpenError, source: str) -> CircuitOpenError:
        # Only while something is closed to us is it worth following what happens elsewhere.
        self.follower.start()
        if self.listeners.wanted(CallRejected):
            self.listeners.tell(CallRejected(names, time.time(), dict(rejection.waits)))
        if self._verbose:
            logger.info("%s: rejected (%s): %s", ", ".join(names), source, rejection)
        return rejection

    def _without_store(self, names: tuple[str, ...]) -> None:
        if self._verbose:
            logger.info("%s: Redis is away: %s", ", ".join(names), self._on_store_error)
        if self._on_store_error == "reject":
            raise StoreUnavailable(f"Redis is away, so nothing is known of {', '.join(names)}")
        self.unguarded += 1

    def _recorded(self, names: tuple[str, ...], outcome: Outcome, took: float | None, told: list[Told]) -> None:
        if told and any(each.what == "open" for each in told):
            self.follower.start()
        if outcome != "release" and self.listeners.wanted(CallRecorded):
            self.listeners.tell(CallRecorded(names, time.time(), outcome == "failure", took))
        if self._verbose:
            logger.info("%s: recorded a %s", ", ".join(names), outcome)
            for name, what, reason in told:
                logger.info("%s: %s: %s", name, what, reason)

    def _unrecorded(self, names: tuple[str, ...], outcome: Outcome, error: StoreUnavailable) -> None:
        if self._verbose:
            logger.info("%s: a %s was not recorded: %s", ", ".join(names), outcome, error)

    def _transition(self, event: Transition | None) -> None:
        if event is None:
            self.notes.forget()
            return
        if isinstance(event, StateChanged):
            self.notes.forget([event.name])
        self.listeners.tell(event)

    def _store_changed(self, error: BaseException | None, away_seconds: float) -> None:
        self.store.close()
        self.notes.forget()
        if error is None:
            self.listeners.tell(StoreBack(time.time(), away_seconds))
        else:
            self.listeners.tell(StoreLost(time.time(), str(error)))

    def _renew_after_fork(self) -> None:
        self.notes.forget()
        self.notes.uncounted.clear()
        self.outage.renew_after_fork()
        if self.follower.renew_after_fork() and self.listeners:
            self.follower.start()


def _make_heard() -> None:
    """CIRCUIT_BREAKER_VERBOSE asks for these lines: they must be seen even where the program set up no logging."""
    logger.setLevel(logging.INFO)
    if not logger.hasHandlers():
        logger.addHandler(logging.StreamHandler())
