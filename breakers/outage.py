"""Redis is away: remembered so that no call waits for it twice, told once, and ended by a thread that looks for it."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from collections.abc import Callable

from redis.exceptions import RedisError

from breakers.address import Address

logger = logging.getLogger("breakwater.breakers")

# Seconds between two looks, doubled from the first to the last.
FIRST_LOOK, LAST_LOOK = 0.05, 1.0


class Outage:
    """Whether Redis is away, as this process knows it. ``errors`` counts every command that it failed."""

    def __init__(self, address: Address, told: Callable[[BaseException | None, float], None]) -> None:
        self._address = address
        self._told = told
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self._since = 0.0
        self.lasts = False
        """Redis is known to be away: don't ask it."""
        self.errors = 0

    def failed(self, error: BaseException) -> None:
        """A command found Redis away. The first one starts the search and says so; no call waits from now on."""
        with self._lock:
            self.errors += 1
            if self.lasts:
                return
            self.lasts = True
            self._since = time.monotonic()
            self._ended = threading.Event()
            searcher = threading.Thread(
                target=self._look_for_redis, args=(self._ended,), name="breakwater-redis-search", daemon=True
            )
        logger.warning("Redis is away (%s): circuits judge nothing until it is back", error)
        self._told(error, 0.0)
        with contextlib.suppress(RuntimeError):  # the interpreter is ending: nobody needs Redis back
            searcher.start()

    def refused(self, error: BaseException) -> None:
        """Redis answered, but with an error: counted, said once; the next call asks again, since no one has to wait."""
        with self._lock:
            self.errors += 1
            first = self.errors == 1
        if first:
            logger.warning("Redis refused a command of the circuits: %s", error)

    def forget(self) -> None:
        """Redis is asked again by the next call. Ends the search: after a fork, or when the registry is closed."""
        self._ended.set()
        self.lasts = False

    def renew_after_fork(self) -> None:
        """The search's thread exists in the parent only, and its lock may be held there for ever."""
        self._lock = threading.Lock()
        self._ended = threading.Event()
        self.lasts = False

    def _look_for_redis(self, ended: threading.Event) -> None:
        pause = FIRST_LOOK
        while not ended.wait(pause):
            pause = min(2 * pause, LAST_LOOK)
            try:
                # A new connection asks the address anew: after a failover, Redis may be elsewhere.
                connection = self._address.connection()
                try:
                    connection.send_command("PING")
                    connection.read_response()
                finally:
                    connection.disconnect()
            except (RedisError, OSError):
                continue
            with self._lock:
                if ended.is_set():
                    return
                self.lasts = False
                seconds = time.monotonic() - self._since
            logger.warning("Redis is back after %.1f s; %d commands had failed so far", seconds, self.errors)
            self._told(None, seconds)
            return
