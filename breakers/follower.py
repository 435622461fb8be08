"""Follows the stream of transitions in a thread of its own, so that a change made anywhere is known here at once.

It starts when first needed and never keeps the interpreter alive. Nothing depends on it being quick, or there at all:
notes are checked within 0.5 s anyway. A stream rather than pub/sub: what happened while Redis was away is read later.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from redis.connection import AbstractConnection
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError

from breakers.address import Address
from breakers.events import Transition, from_stream

logger = logging.getLogger("breakwater.breakers")

# Seconds that one read waits in Redis for something to happen.
WAIT = 2
# Seconds between two attempts to reach Redis, doubled from the first to the last.
FIRST_PAUSE, LAST_PAUSE = 0.1, 1.0
# Events taken in one read.
_AT_ONCE = 500


class Follower:
    """One thread a process and registry. ``told`` is called in that thread, with None when events may be missing."""

    def __init__(self, address: Address, stream: str, told: Callable[[Transition | None], None]) -> None:
        self._address = address
        self._stream = stream
        self._told = told
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._ended = threading.Event()
        self.reading = threading.Event()
        """Set while the stream is being read: what happens from now on will be told."""

    def start(self) -> None:
        """Start the thread unless it runs already."""
        if self._thread is not None:
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._follow, args=(self._ended, self.reading), name="breakwater-circuits", daemon=True
                )
                with contextlib.suppress(RuntimeError):  # the interpreter is ending: notes are checked anyway
                    self._thread.start()

    def stop(self) -> None:
        """End the thread within ``WAIT`` seconds; doesn't wait for it. It may be started again."""
        with self._lock:
            self._ended.set()
            self._forget_thread()

    def renew_after_fork(self) -> bool:
        """The thread lives in the parent only. Returns whether there was one."""
        had_one = self._thread is not None
        self._lock = threading.Lock()
        self._forget_thread()
        return had_one

    def _forget_thread(self) -> None:
        self._thread = None
        self._ended = threading.Event()
        self.reading = threading.Event()

    def _follow(self, ended: threading.Event, reading: threading.Event) -> None:
        last: str | None = None
        pause = FIRST_PAUSE
        while not ended.is_set():
            connection: AbstractConnection | None = None
            try:
                connection = self._address.connection(read_timeout=WAIT + self._address.timeout)
                connection.connect()
                last = last or self._newest(connection)
                self._told(None)
                reading.set()
                pause = FIRST_PAUSE
                while not ended.is_set():
                    for place, event in self._read_on(connection, last):
                        last = place
                        if event is not None:
                            self._told(event)
            except (RedisError, OSError) as error:
                logger.debug("the stream of transitions can't be followed: %s", error)
                reading.clear()
                ended.wait(pause)
                pause = min(2 * pause, LAST_PAUSE)
            finally:
                reading.clear()
                if connection is not None:
                    connection.disconnect()

    def _newest(self, connection: AbstractConnection) -> str:
        reply = _ask(connection, "XREVRANGE", self._stream, "+", "-", "COUNT", 1)
        return reply[0][0].decode() if reply else "0-0"

    def _read_on(self, connection: AbstractConnection, last: str) -> Iterator[tuple[str, Transition | None]]:
        reply = _ask(connection, "XREAD", "COUNT", _AT_ONCE, "BLOCK", int(WAIT * 1000), "STREAMS", self._stream, last)
        if not reply:
            return
        # RESP3 answers with a map of streams, RESP2 with a list of pairs.
        entries = next(iter(reply.values())) if isinstance(reply, dict) else reply[0][1]
        for entry_id, raw in entries:
            yield entry_id.decode(), from_stream(decoded(raw))


def decoded(raw: list[bytes]) -> dict[str, str]:
    """A stream entry's or a hash's fields, as Redis returns them: name, value, name, value, ..."""
    texts = [part.decode() for part in raw]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def _ask(connection: AbstractConnection, *command: str | int) -> Any:
    connection.send_command(*command)
    try:
        return connection.read_response()
    except RedisConnectionError:
        connection.disconnect()
        raise
