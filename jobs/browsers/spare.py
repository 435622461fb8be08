"""A browser stands by where browsers keep dying: who loses the next one goes on in it, and need not wait for a launch.

A launch takes seconds, a browser that stands by some hundred megabytes. So there is none while all is well.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Hashable
from typing import Final

from jobs.browsers.session import BrowserSession
from recovery import BrowserFailure

log = logging.getLogger("breakwater.browsers")

# So many browsers lost within so many seconds: another loss is expected.
LOSSES: Final = 2
WITHIN: Final = 600.0
# Seconds that the start of one may still take when it is to end. Then its driver is killed under it.
PATIENCE: Final = 10.0


class Spare:
    """One pool's. ``key`` tells which sessions may stand in for each other. None of its methods raises."""

    def __init__(self) -> None:
        self._losses: deque[float] = deque(maxlen=LOSSES)
        self._key: Hashable = None
        self._session: BrowserSession | None = None
        self._start: threading.Thread | None = None

    def note_loss(self) -> None:
        """A browser had to be replaced that was not well."""
        self._losses.append(time.monotonic())

    @property
    def expected(self) -> bool:
        """Whether one is needed: too many were lost lately."""
        return len(self._losses) == LOSSES and time.monotonic() - self._losses[0] < WITHIN

    @property
    def stands(self) -> bool:
        """Whether there is one, started or starting."""
        return self._session is not None

    def prepare(self, key: Hashable, session: BrowserSession) -> None:
        """Start ``session`` beside whatever is done meanwhile. Only if none stands by."""
        start = threading.Thread(target=self._started, args=(session,), name="spare-browser", daemon=True)
        with contextlib.suppress(RuntimeError):  # the system has no more threads: then none stands by
            self._key, self._session, self._start = key, session, start
            start.start()
            return
        self._session = self._start = None

    def take(self, key: Hashable, timeout: float) -> BrowserSession | None:
        """The one of this key, if it is well; one that is starting is waited for, ``timeout`` seconds at most.

        It is the caller's from now on.
        """
        if self._session is None or key != self._key:
            return None
        if self._start is not None:
            self._start.join(timeout)
        session, start = self._session, self._start
        # One that still starts is the other thread's: it must not even be looked at.
        if session is None or (start is not None and start.is_alive()) or not session.is_well():
            self.drop()
            return None
        self._session = self._start = None
        return session

    def drop(self) -> None:
        """End the one that stands by, if any."""
        session, start = self._session, self._start
        if start is not None:
            start.join(PATIENCE)
        self._session = self._start = None
        if session is not None:
            session.close()

    def _started(self, session: BrowserSession) -> None:
        try:
            session.start()
        except (BrowserFailure, RuntimeError) as failure:  # the page server may have ended meanwhile
            log.warning("no %s stands by: %s", session.browser.value, failure)
            self._losses.clear()
            self._session = None
