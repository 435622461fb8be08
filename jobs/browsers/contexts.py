"""Fresh contexts with the harness in them, in Chromium: while one is used, the next loads. None is used twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from websocket import WebSocketException

from jobs.browsers.devtools import DevTools
from jobs.browsers.page_link import PageLink


@dataclass(frozen=True)
class Context:
    """A profile that only lives in memory, and the page that loads in it."""

    id: str
    asked: int
    """What DevTools was asked for the page; its answer may be yet to come."""

    link: PageLink


class Contexts:
    """One browser's. ``open_link`` gives a line to a page that is to be loaded."""

    def __init__(self, devtools: DevTools, open_link: Callable[[], PageLink]) -> None:
        self._devtools = devtools
        self._open_link = open_link
        self._next: Context | None = None
        self._leaving: list[int] = []

    def take(self) -> tuple[Context, str]:
        """A fresh context, and its page's window handle; the page may still be loading.

        Raises:
            OSError, WebSocketException: the browser doesn't give one.
        """
        context, self._next = self._next, None
        if context is not None:
            try:
                # One that was asked for long ago may be dead.
                window = self._window(context)
                if context.link.lost_age is None:
                    return context, window
            except WebSocketException:
                pass
            self.remove(context)
        context = self._begin()
        return context, self._window(context)

    def prepare(self) -> None:
        """Let the next one load meanwhile. Raises as ``take``."""
        if self._next is None:
            self._next = self._begin()

    def drop(self) -> None:
        """Remove the one that was prepared, if any; returns when nothing of any context is left. Raises as ``take``."""
        context, self._next = self._next, None
        if context is not None:
            self.remove(context)
        self._await_leaving()

    def remove(self, context: Context) -> None:
        """Let a context end with its page, which is not asked, and don't wait for it: the next test gets another one.

        The one that was removed before is gone when this returns. Raises as ``take``.
        """
        self._await_leaving()
        context.link.close()
        self._leaving.append(self._devtools.begin("Target.disposeBrowserContext", browserContextId=context.id))

    def _await_leaving(self) -> None:
        while self._leaving:
            with contextlib.suppress(WebSocketException):  # one that is gone already is no matter
                self._devtools.answer(self._leaving.pop())

    def close(self) -> None:
        """The browser is about to end."""
        if self._next is not None:
            self._next.link.close()

    def _begin(self) -> Context:
        name = self._devtools.call("Target.createBrowserContext")["browserContextId"]
        link = self._open_link()
        # A page in no window: to make one for each page would cost Chromium more than to load the page. It runs as any
        # other, but can't be drawn. (An older Chromium, which doesn't know the word, shows it.)
        asked = self._devtools.begin("Target.createTarget", url=link.page_url, browserContextId=name, hidden=True)
        return Context(name, asked, link)

    def _window(self, context: Context) -> str:
        return str(self._devtools.answer(context.asked)["targetId"])
