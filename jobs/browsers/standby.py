"""A page of the harness stands by in a tab behind the one at work: if that hangs, the session goes on in it at once.

It costs the memory of one more page, some 80 MB, and saves what a page takes to load and to start onnxruntime.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from typing import NamedTuple

from jobs.browsers.failures import LINE_ERRORS
from jobs.browsers.page_link import PageLink

# Seconds within which a page that lives is heard again: it beats four times a second.
_NEXT_BEAT = 0.5


class Tab(NamedTuple):
    """How a browser opens a tab behind the current one without waiting for its page, and closes it."""

    open: Callable[[str], str]
    """Given an address, gives the window handle. Raises what a driver raises."""

    close: Callable[[str], object]


class Page(NamedTuple):
    """A page, and its window handle."""

    link: PageLink
    window: str


class Standby:
    """One session's. None of its methods raises: who has no page that stands by loads one."""

    def __init__(self, tab: Tab, open_link: Callable[[], PageLink], patience: float) -> None:
        """``patience``: seconds without a pulse after which a page is taken for dead."""
        self._tab = tab
        self._open_link = open_link
        self._patience = patience
        self._page: Page | None = None

    def prepare(self, address: Callable[[PageLink], str]) -> None:
        """Let one load, if there is none. ``address`` is where a link's page is to be found."""
        if self._page is not None:
            return
        link = self._open_link()
        try:
            self._page = Page(link, self._tab.open(address(link)))
        except LINE_ERRORS:
            link.close()

    def take(self, *, stopped: bool) -> Page | None:
        """The page, if there is one that is loaded and lives. It is the caller's from now on.

        ``stopped``: some page's process was seen stopped, which may be its own.
        """
        page, self._page = self._page, None
        if page is None:
            return None
        if _lives(page.link, self._patience) and not (stopped and _keeps_silent(page.link)):
            return page
        page.link.close()  # its tab goes with the hung one's: to close it could mean to wait for it
        return None

    def drop(self) -> None:
        """Close its tab: a test would see it."""
        page, self._page = self._page, None
        if page is not None:
            page.link.close()
            with contextlib.suppress(*LINE_ERRORS):
                self._tab.close(page.window)

    def close(self) -> None:
        """The browser is about to end."""
        if self._page is not None:
            self._page.link.close()


def _lives(link: PageLink, patience: float) -> bool:
    pulse = link.pulse_age
    return link.connected and pulse is not None and pulse < patience


def _keeps_silent(link: PageLink) -> bool:
    """Whether nothing is heard from now on of a page that was heard until a moment ago."""
    since = time.monotonic()
    while (waited := time.monotonic() - since) < _NEXT_BEAT:
        heard = link.heartbeat_age  # a process that is stopped is so with all its threads
        if heard is not None and heard < waited:
            return False
        time.sleep(0.01)
    return True
