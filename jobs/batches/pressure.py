"""How full a farm is: tests that wait before a new batch, and the room that its Redis has left."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable

import redis

from jobs.batches.keyspace import LOW, Keyspace
from jobs.batches.values import FarmFull

# The part of Redis's memory limit that publishing leaves to the work itself: histories, verdicts, events.
_LEFT_TO_WORK = 0.15


class Pressure(Keyspace):
    """The store as somebody sees it who is about to publish."""

    def waiting(self, queues: Iterable[str]) -> dict[str, int]:
        """Messages that wait in each queue, of all batches. One trip."""
        names = list(queues)
        with self.client.pipeline(transaction=False) as pipe:
            for name in names:
                pipe.llen(name)
                pipe.llen(name + LOW)
            lengths = pipe.execute()
        return {name: lengths[2 * index] + lengths[2 * index + 1] for index, name in enumerate(names)}

    def check_room(self, batch: str) -> None:
        """Refuse to fill Redis up to its limit, where it has one and lets us see it.

        Raises:
            FarmFull: with how full it is, and what to do.
        """
        with contextlib.suppress(redis.ResponseError):  # not allowed to ask: then the limit itself will tell
            memory = self.client.info("memory")
            used, limit = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
            if limit and used > (1 - _LEFT_TO_WORK) * limit:
                raise FarmFull(
                    f"batch {batch} was not published: Redis uses {used / 2**20:.0f} of {limit / 2**20:.0f} MiB; "
                    "wait until batches are done, or raise its maxmemory"
                )
