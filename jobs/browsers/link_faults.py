"""What is injected into one page's line, for the server to carry out: files that stall, crawl, or wait for a strike."""

from __future__ import annotations

import time


class LinkFaults:
    """One line's. Set by any thread, looked at by the server's."""

    def __init__(self) -> None:
        self._stalled_until = 0.0
        self._slow_until = 0.0
        self._offers_held = False
        self._offer_waits = False

    def stall(self, seconds: float) -> None:
        """For so long the server takes requests for files and answers nothing. 0 ends it."""
        self._stalled_until = time.monotonic() + seconds

    def slow(self, seconds: float) -> None:
        """For so long the server sends files byte by byte. 0 ends it."""
        self._slow_until = time.monotonic() + seconds

    def hold_offers(self, *, held: bool) -> None:
        """While held, requests for offered files wait, so that something else can happen to the page first."""
        self._offers_held, self._offer_waits = held, False

    def end(self) -> None:
        """The line is closed: nobody is kept waiting."""
        self.stall(0)
        self.slow(0)
        self.hold_offers(held=False)

    @property
    def offer_waits(self) -> bool:
        """Whether the page has asked for an offered file that is held."""
        return self._offer_waits

    def must_wait(self) -> bool:
        """Whether a request for an offered file has to wait now."""
        self._offer_waits = self._offers_held
        return self._offer_waits

    @property
    def stall_left(self) -> float:
        """Seconds for which requests for files are to be left unanswered."""
        return max(0.0, self._stalled_until - time.monotonic())

    @property
    def slow_left(self) -> float:
        """Seconds for which files are to be sent slowly."""
        return max(0.0, self._slow_until - time.monotonic())
