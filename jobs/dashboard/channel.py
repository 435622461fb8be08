"""Server-sent events to any number of pages: each message is made once, and a page that can't keep up is let go."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

from pydantic import BaseModel

# Messages that a page may be behind. One that is further behind is cut off; it reconnects, and catches up.
MOST_BEHIND = 1000

Listener = asyncio.Queue[bytes | None]


def event(kind: str, told: BaseModel, event_id: str | None = None) -> bytes:
    """One message in the form of the event stream."""
    head = f"id: {event_id}\n" if event_id else ""
    return f"{head}event: {kind}\ndata: {told.model_dump_json()}\n\n".encode()


class Channel:
    """The pages that listen to one subject."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()

    def __len__(self) -> int:
        return len(self._listeners)

    @contextmanager
    def listen(self, greeting: list[bytes]) -> Iterator[Listener]:
        """Hear the greeting first, then all that is told. None: cut off."""
        listener: Listener = asyncio.Queue()
        for message in greeting:
            listener.put_nowait(message)
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def tell(self, message: bytes) -> None:
        """Tell everybody."""
        for listener in list(self._listeners):
            if listener.qsize() >= MOST_BEHIND:
                self._listeners.discard(listener)
                listener.put_nowait(None)
            else:
                listener.put_nowait(message)

    def close(self) -> None:
        """Cut everybody off."""
        for listener in self._listeners:
            listener.put_nowait(None)
        self._listeners.clear()
