"""What this process was told of circuits that let nothing through, so that it can reject without asking Redis.

Durations come from Redis, their passing is measured by the monotonic clock: a wrong wall clock changes nothing.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Sequence

# Seconds after which a note isn't believed until Redis has been asked again.
BELIEVED = 0.5


class Note:
    """One circuit's note; times are of ``time.monotonic``."""

    __slots__ = ("believed_until", "open_until")

    def __init__(self, wait: float, believed: float) -> None:
        now = time.monotonic()
        self.open_until = now + wait
        self.believed_until = min(self.open_until, now + believed)


class Notes:
    """All notes of a process, and how many calls they have rejected that Redis doesn't know of yet.

    Threads share it without a lock: dictionaries are changed by single operations only. A count of rejected calls may
    miss one when two threads raise it at the very same time.
    """

    def __init__(self, believed: float = BELIEVED) -> None:
        self._believed = believed
        self._notes: dict[str, Note] = {}
        self.uncounted: dict[str, int] = {}

    def write(self, name: str, wait: float) -> None:
        """``name`` lets nothing through for ``wait`` seconds."""
        if self._believed:
            self._notes[name] = Note(wait, self._believed)

    def forget(self, names: Iterable[str] | None = None) -> None:
        """Redis has to be asked again about ``names``; None: about all."""
        if names is None:
            self._notes = {}
        else:
            for name in names:
                self._notes.pop(name, None)

    def in_the_way(self, names: Sequence[str]) -> dict[str, float] | None:
        """Seconds to wait for each of ``names`` that is known to be open; None: ask Redis. Counts the rejection."""
        notes = self._notes
        if not notes:
            return None
        now = time.monotonic()
        waits = {}
        for name in names:
            note = notes.get(name)
            if note is None:
                continue
            if now < note.believed_until:
                waits[name] = note.open_until - now
                self.uncounted[name] = self.uncounted.get(name, 0) + 1
            else:
                notes.pop(name, None)
        return waits

    def take_uncounted(self, names: Sequence[str]) -> str:
        """Rejections to be counted by the trip that is about to be made: one number a circuit, or ''."""
        if not self.uncounted:
            return ""
        counts = [self.uncounted.pop(name, 0) for name in names]
        return ",".join(map(str, counts)) if any(counts) else ""


def seconds(wait_ms: int) -> float:
    """A script's waiting time: -1 means until a reset."""
    return math.inf if wait_ms < 0 else wait_ms / 1000
