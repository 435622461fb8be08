"""Who wants to be told of which event. A listener that fails is logged and changes nothing."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from breakers.events import CircuitEvent

logger = logging.getLogger("breakwater.breakers")

Event = TypeVar("Event", bound=CircuitEvent)
Listener = Callable[[Event], None] | Callable[[Event], Awaitable[None]]


class Listeners:
    """Registered listeners by type of event. Thread-safe: the lists are replaced, never changed."""

    def __init__(self) -> None:
        self._by_type: dict[type, tuple[Callable[[Any], None], ...]] = {}

    def add(self, event_type: type[Event], listener: Listener[Event]) -> Callable[[], None]:
        """Register; the returned function takes the registration back.

        A coroutine function runs in the event loop that is running now, whichever thread the event comes from.

        Raises:
            RuntimeError: a coroutine function, and no event loop is running.
        """
        tell: Callable[[Any], Any] = listener
        if inspect.iscoroutinefunction(listener):
            tell = _in_loop(asyncio.get_running_loop(), listener)
        self._by_type[event_type] = (*self._by_type.get(event_type, ()), tell)

        def remove() -> None:
            left = tuple(known for known in self._by_type.get(event_type, ()) if known is not tell)
            if left:
                self._by_type[event_type] = left
            else:
                self._by_type.pop(event_type, None)

        return remove

    def __bool__(self) -> bool:
        return bool(self._by_type)

    def wanted(self, event_type: type[CircuitEvent]) -> bool:
        """Somebody listens: it is worth making the event."""
        return event_type in self._by_type

    def tell(self, event: CircuitEvent) -> None:
        """Call everybody who listens for this type, in order of registration."""
        for tell in self._by_type.get(type(event), ()):
            try:
                tell(event)
            except Exception:
                logger.exception("a listener for %s failed", type(event).__name__)


def _in_loop(loop: asyncio.AbstractEventLoop, listener: Callable[[Any], Awaitable[None]]) -> Callable[[Any], None]:
    running: set[asyncio.Task[None]] = set()

    async def guarded(event: CircuitEvent) -> None:
        try:
            await listener(event)
        except Exception:
            logger.exception("a listener for %s failed", type(event).__name__)

    def start(event: CircuitEvent) -> None:
        task = loop.create_task(guarded(event))
        running.add(task)
        task.add_done_callback(running.discard)

    def tell(event: CircuitEvent) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(start, event)

    return tell
