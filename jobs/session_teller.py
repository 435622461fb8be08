"""A worker process tells which browser session it has, for those who watch the farm. Nothing depends on it."""

from __future__ import annotations

import logging
import os
import time

import redis

from jobs.batches.presence import Presence, Session
from jobs.browsers.pool import SessionPool
from jobs.browsers.session import BrowserSession
from jobs.specs import AdapterInfo

log = logging.getLogger("breakwater.worker")

# Seconds that a told session is kept unless the worker's main process, which looks each second, keeps it longer.
KEPT = 6.0


class SessionTeller:
    """Tells of the session of one worker process, after each of its attempts."""

    def __init__(self, node: str, pool: SessionPool, presence: Presence) -> None:
        self._node = node
        self._pool = pool
        self._presence = presence
        self._session: BrowserSession | None = None
        self._since = 0.0
        self._recycled = 0
        self._adapter: AdapterInfo | None = None

    def saw(self, adapter: AdapterInfo | None) -> None:
        """A test of the session ran on this adapter; None: on none."""
        self._adapter = adapter or self._adapter

    def tell(self) -> None:
        """Tell of the session that there is now, or that there is none."""
        session, before = self._pool.session, self._session
        if session is not before:
            self._session, self._since = session, time.time()
            if session is None:
                self._adapter = None
        replaced = self._pool.recycled - self._recycled
        browser = before.browser if before else session.browser if session else None
        try:
            self._presence.tell_session(
                self._node,
                os.getpid(),
                self._told(session),
                KEPT,
                recycled={browser: replaced} if browser and replaced else {},
            )
            self._recycled += replaced
        except redis.RedisError as error:
            log.debug("the session can't be told: %s", error)

    def _told(self, session: BrowserSession | None) -> Session | None:
        if session is None:
            return None
        adapter = self._adapter
        return Session(
            node=self._node,
            pid=os.getpid(),
            browser=session.browser,
            version=session.version,
            adapter=None if adapter is None else " ".join(filter(None, (adapter.vendor, adapter.architecture))),
            software=None if adapter is None else adapter.software,
            tests=session.tests,
            started_at=self._since,
            recycled=self._pool.recycled,
        )
