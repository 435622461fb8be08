"""What can be fetched of a batch: its HTML report, and artefacts of its failed attempts. Made and read in threads."""

from __future__ import annotations

import mimetypes

from flower.views import BaseHandler
from tornado.ioloop import IOLoop
from tornado.web import HTTPError, authenticated

from jobs.batches import UnknownBatch
from jobs.dashboard.live import Live
from jobs.reports.html import render_html

# Artefacts come from pages under test: a browser is to show pictures and text, and to run nothing.
_SHOWN = ("image/png", "text/plain", "application/json")


class Download(BaseHandler):  # type: ignore[misc]
    """Something that isn't a page of ours, so that nothing in it may act as one."""

    def initialize(self, live: Live) -> None:
        self._live = live

    def set_default_headers(self) -> None:
        super().set_default_headers()
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")


class ReportFile(Download):
    """A batch as one HTML page, as far as it is."""

    @authenticated
    async def get(self, batch: str) -> None:
        """The report."""
        try:
            page = await IOLoop.current().run_in_executor(None, self._render, batch)
        except UnknownBatch as error:
            raise HTTPError(404, "%s", str(error)) from error
        self.set_header("Content-Type", "text/html; charset=UTF-8")
        self.finish(page)

    def _render(self, batch: str) -> str:
        store = self._live.backend.store
        return render_html(store.header(batch), tuple(store.verdicts(batch)))


class ArtefactFile(Download):
    """One artefact."""

    @authenticated
    async def get(self, batch: str, attempt: str, name: str, test: str) -> None:
        """Its content."""
        content = await IOLoop.current().run_in_executor(None, self._read, batch, test, int(attempt), name)
        if content is None:
            raise HTTPError(404, "%s", f"no artefact {name!r} of attempt {attempt}: it made room for newer ones")
        kind = mimetypes.guess_type(name)[0] or "text/plain"
        self.set_header("Content-Type", kind if kind in _SHOWN else "text/plain")
        self.set_header("Content-Security-Policy", "sandbox; default-src 'none'; img-src 'self'")
        self.finish(content)

    def _read(self, batch: str, test: str, attempt: int, name: str) -> bytes | None:
        artefacts = self._live.artefacts
        for one in artefacts.of_batch(batch):
            if (one.test, one.attempt, one.name) == (test, attempt, name):
                return artefacts.read(one)
        return None
