"""Fresh profiles with the harness in them, in Chromium: while one is used, the next loads. None is used twice."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

from websocket import WebSocketException

from jobs.browsers.devtools import DevTools
from jobs.browsers.page_link import PageLink

_ERRORS = (WebSocketException, OSError)


@dataclass(frozen=True)
class Profile:
    """A profile, and the page that loads in it."""

    id: str
    asked: int
    """What DevTools was asked for the page; its answer may be yet to come."""

    link: PageLink


class Profiles:
    """One browser's. ``open_link`` gives a line to a page that is to be loaded."""

    def __init__(self, devtools: DevTools, open_link: Callable[[], PageLink]) -> None:
        self._devtools = devtools
        self._open_link = open_link
        self._next: Profile | None = None

    def take(self) -> tuple[Profile, str]:
        """A fresh profile, and its page's window handle; the page may still be loading.

        Raises:
            OSError, WebSocketException: the browser doesn't give one.
        """
        profile, self._next = self._next, None
        if profile is not None:
            try:
                # One that was asked for long ago may be dead.
                window = self._window(profile)
                if profile.link.lost_age is None:
                    return profile, window
            except WebSocketException:
                pass
            self.remove(profile)
        profile = self._begin()
        return profile, self._window(profile)

    def prepare(self) -> None:
        """Let the next one load meanwhile. Raises as ``take``."""
        if self._next is None:
            self._next = self._begin()

    def drop(self) -> None:
        """Remove the one that was prepared, if any."""
        profile, self._next = self._next, None
        if profile is not None:
            self.remove(profile)

    def remove(self, profile: Profile) -> None:
        """End a profile with its page, which is not asked; one that is gone already is no matter."""
        profile.link.close()
        with contextlib.suppress(WebSocketException):
            self._devtools.call("Target.disposeBrowserContext", browserContextId=profile.id)

    def close(self) -> None:
        """Hang up; the browser is about to end."""
        if self._next is not None:
            self._next.link.close()
        with contextlib.suppress(*_ERRORS):
            self._devtools.close()

    def _begin(self) -> Profile:
        name = self._devtools.call("Target.createBrowserContext")["browserContextId"]
        link = self._open_link()
        asked = self._devtools.begin("Target.createTarget", url=link.page_url, browserContextId=name)
        return Profile(name, asked, link)

    def _window(self, profile: Profile) -> str:
        return str(self._devtools.answer(profile.asked)["targetId"])
