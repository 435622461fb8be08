"""The stream of transitions, followed in one thread of its own: told as they happen, and what was missed told later."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import redis

from breakers import BreakerError
from breakers.events import StateChanged, from_stream
from breakers.keys import Keys
from jobs.connections import connect
from jobs.dashboard.told import TransitionTold
from jobs.settings import Settings

# What tells that Redis is away.
AWAY = (redis.RedisError, BreakerError, OSError)

# Transitions that are kept here: what a page begins with.
KEPT = 500
# Milliseconds that one read of the stream waits, and seconds until the next one where Redis is away.
BLOCK_MS, PAUSE = 2000, 1.0


class Transitions:
    """The latest transitions. ``begun``: they are known; ``happened``: one more; ``lost``: Redis is away."""

    def __init__(
        self,
        config: Settings,
        begun: Callable[[], None],
        happened: Callable[[TransitionTold], None],
        lost: Callable[[BaseException], None],
    ) -> None:
        self._config = config
        self._begun = begun
        self._happened = happened
        self._lost = lost
        self._latest: deque[TransitionTold] = deque(maxlen=KEPT)
        self._thread = ThreadPoolExecutor(1, "breakwater-transitions")

    @property
    def last_id(self) -> str | None:
        """Place in the stream of the latest one."""
        return self._latest[-1].id if self._latest else None

    def after(self, event_id: str) -> tuple[TransitionTold, ...]:
        """Those kept that came after the one of this id, oldest first; empty: all."""
        return tuple(one for one in self._latest if not event_id or _place(one.id) > _place(event_id))

    async def follow(self) -> None:
        """Follow the stream, for ever."""
        stream, last = Keys(self._config.key_prefix).events, ""
        client = connect(self._config.redis_url)
        try:
            while True:
                try:
                    if not last:
                        last = self._begin(await self._wait_for(client.xrevrange, stream, "+", "-", KEPT))
                    reply = await self._wait_for(client.xread, {stream: last}, 500, BLOCK_MS)
                    for entry_id, fields in _entries(reply):
                        last = entry_id.decode()
                        told = transition_told(last, fields)
                        if told is not None:
                            self._latest.append(told)
                            self._happened(told)
                except AWAY as error:
                    self._lost(error)
                    await asyncio.sleep(PAUSE)
        finally:
            client.close()

    def close(self) -> None:
        """Let the thread end, once its last read has."""
        self._thread.shutdown(wait=False)

    async def _wait_for(self, call: Callable[..., Any], *args: Any) -> Any:
        return await asyncio.get_running_loop().run_in_executor(self._thread, call, *args)

    def _begin(self, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> str:
        for entry_id, fields in reversed(entries):
            told = transition_told(entry_id.decode(), fields)
            if told is not None:
                self._latest.append(told)
        self._begun()
        return entries[0][0].decode() if entries else "0"


def transition_told(entry_id: str, fields: dict[bytes, bytes]) -> TransitionTold | None:
    """A change of state as the stream holds it; None: something else."""
    change = from_stream({name.decode(): value.decode() for name, value in fields.items()})
    if not isinstance(change, StateChanged):
        return None
    return TransitionTold(
        id=entry_id,
        name=change.name,
        at=change.at,
        previous=change.previous.value,
        state=change.state.value,
        reason=change.reason,
        open_seconds=change.open_seconds,
    )


def _entries(reply: Any) -> Any:
    """Of one stream: protocol 2 answers with pairs, protocol 3 with a map."""
    if not reply:
        return ()
    if isinstance(reply, dict):
        [batches] = reply.values()
        return [entry for batch in batches for entry in batch]
    return reply[0][1]


def _place(event_id: str) -> tuple[int, int]:
    """An id of a stream, to be compared. One that isn't one comes first."""
    milliseconds, _, number = event_id.partition("-")
    return (int(milliseconds), int(number or 0)) if milliseconds.isdigit() and (number or "0").isdigit() else (0, 0)
