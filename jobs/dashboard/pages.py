"""The pages, and the streams that they listen to. Reading only; what changes something is in orders.py."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

from flower.views import BaseHandler
from tornado.iostream import StreamClosedError
from tornado.web import HTTPError, authenticated

from jobs.dashboard.channel import Listener
from jobs.dashboard.live import Live
from jobs.dashboard.permission import refusal

DIST = Path(__file__).parent / "dist"

# Seconds between two signs of life to a page that hears nothing else.
KEEPALIVE = 10.0


@cache
def fingerprint(name: str) -> str:
    """What a built file's address carries, so that a new one is fetched anew."""
    return hashlib.sha256((DIST / name).read_bytes()).hexdigest()[:12]


class Page(BaseHandler):  # type: ignore[misc]
    """The frame of a page; src/ fills it."""

    def initialize(self, page: str, title: str) -> None:
        self._page = page
        self._title = title

    @authenticated
    def get(self, batch: str = "", test: str = "") -> None:
        """The page."""
        names = [name for name in (batch, test) if name]
        frame = {
            "page": self._page,
            "batch": batch,
            "test": test,
            "live": self.reverse_url(f"live-{self._page}", *names),
            "orders": self.reverse_url("orders"),
            "links": {
                "circuits": self.reverse_url("circuits"),
                "batches": self.reverse_url("batches"),
                "batch": self.reverse_url("batch", "BATCH"),
                "test": self.reverse_url("test", "BATCH", "TEST"),
                "report": self.reverse_url("report", "BATCH"),
                "artefact": self.reverse_url("artefact", "BATCH", "0", "NAME", "TEST"),
            },
            "xsrf": self.xsrf_token.decode(),
            "refusal": refusal(self),
        }
        self.render(
            "breakwater.html",
            tab="batches" if self._page in {"batch", "test"} else self._page,
            title=test or batch or self._title,
            frame=json.dumps(frame),
            asset=lambda name: f"{self.reverse_url('breakwater-asset', name)}?v={fingerprint(name)}",
        )


class Stream(BaseHandler):  # type: ignore[misc]
    """Server-sent events on one subject."""

    def initialize(self, live: Live, subject: str) -> None:
        self._live = live
        self._subject = subject
        self._listener: Listener | None = None

    @authenticated
    async def get(self, batch: str = "", test: str = "") -> None:
        """Tell until the page is closed."""
        self.set_header("Content-Type", "text/event-stream")
        self.set_header("Cache-Control", "no-store")
        self.set_header("X-Accel-Buffering", "no")
        after = self.request.headers.get("Last-Event-ID") or self.get_argument("after", "")
        with self._listen(batch, test, after) as listener, contextlib.suppress(StreamClosedError):
            self._listener = listener
            # The page knows from it that it is connected, even if nothing is known yet.
            self.write(b"retry: 1000\n\n")
            await self.flush()
            while True:
                try:
                    messages = [await asyncio.wait_for(listener.get(), KEEPALIVE)]
                except TimeoutError:
                    messages = [b": here\n\n"]
                while not listener.empty():
                    messages.append(listener.get_nowait())
                for message in messages:
                    if message is None:
                        return
                    self.write(message)
                await self.flush()

    def on_connection_close(self) -> None:
        """The page was closed."""
        if self._listener is not None:
            self._listener.put_nowait(None)

    def _listen(self, batch: str, test: str, after: str) -> contextlib.AbstractContextManager[Listener]:
        match self._subject:
            case "circuits":
                return self._live.listen_to_farm(after)
            case "batches":
                return self._live.listen_to_batches()
            case "recovery":
                return self._live.listen_to_recovery()
            case "batch":
                return self._live.listen_to_batch(batch)
            case _:
                return self._live.listen_to_test(batch, test)


def reason_of(told: dict[str, Any]) -> str:
    """What an error's message says to a user."""
    error = told.get("exc_info", (None, None))[1]
    return (error.get_message() or "") if isinstance(error, HTTPError) else ""
