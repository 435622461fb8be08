"""Answers of a page that wait to be received: bounded, and progress gives way first. The caller locks."""

from __future__ import annotations

from collections import deque
from typing import Final

from jobs.browsers.protocol import Capabilities, PageError, Progress, Result

# A page sends one answer a command, and some progress before it.
MAX_WAITING: Final = 64

Answer = Progress | Result | PageError | Capabilities


class InboxFull(Exception):
    """A page sent more answers than anyone asked for."""


class Inbox:
    """First in, first out."""

    def __init__(self) -> None:
        self._waiting: deque[Answer] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def put(self, answer: Answer) -> None:
        """Add an answer; when full, the oldest progress goes.

        Raises:
            InboxFull: it is full and holds no progress.
        """
        if len(self._waiting) >= MAX_WAITING:
            oldest = next((waiting for waiting in self._waiting if isinstance(waiting, Progress)), None)
            if oldest is None:
                raise InboxFull(f"{MAX_WAITING} answers of the page wait and nobody receives them")
            self._waiting.remove(oldest)
        self._waiting.append(answer)

    def take(self) -> Answer | None:
        """The oldest answer."""
        return self._waiting.popleft() if self._waiting else None
