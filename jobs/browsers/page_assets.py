"""What a page may load over HTTP: the built harness, and the files that its own link offers. Nothing else."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError
from tornado.web import HTTPError, RequestHandler, StaticFileHandler

from jobs.browsers.page_link import PageLink
from jobs.browsers.protocol import Beat
from jobs.browsers.talk_log import logger

# Seconds between two looks at whether a stall is over.
_STALL_STEP: Final = 0.1
# Seconds between two bytes of a slow server.
_SLOW_STEP: Final = 0.5
# Seconds between two looks at whether a file is still held.
_HOLD_STEP: Final = 0.01

_MIME: Final = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".map": "application/json",
    ".wasm": "application/wasm",
}


def set_security_headers(handler: RequestHandler, socket_origin: str) -> None:
    """Cross-origin isolation (wasm threads need it), no foreign content, and no token in a referrer."""
    handler.clear_header("Server")
    handler.set_header("Cross-Origin-Opener-Policy", "same-origin")
    handler.set_header("Cross-Origin-Embedder-Policy", "require-corp")
    handler.set_header("Cross-Origin-Resource-Policy", "same-origin")
    handler.set_header("Referrer-Policy", "no-referrer")
    handler.set_header("X-Content-Type-Options", "nosniff")
    # unsafe-eval: onnxruntime's glue makes functions from text, for WebNN; all text in this page is its own.
    handler.set_header(
        "Content-Security-Policy",
        "default-src 'none'; script-src 'self' 'unsafe-eval'; worker-src 'self' blob:; "
        f"connect-src 'self' {socket_origin}; img-src data:; "
        "frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    )


class NotFound(RequestHandler):
    """Everything that no link has: 404 and a log line without the address, which may hold a token."""

    def initialize(self, socket_origin: str) -> None:
        set_security_headers(self, socket_origin)

    def prepare(self) -> None:
        """Refuse."""
        logger.warning("a request for an unknown address was refused")
        raise HTTPError(404)

    def log_exception(self, *raised: Any) -> None:
        """Logged above."""

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """Say no more than the number."""
        self.finish(f"{status_code}\n")


class Beats(RequestHandler):
    """``POST /<token>/beat``. Not by WebSocket: Firefox's worker can't use that while its main thread is stuck."""

    def initialize(self, links: Mapping[str, PageLink], origin: str, socket_origin: str) -> None:
        self._links = links
        self._origin = origin
        set_security_headers(self, socket_origin)

    def post(self, token: str) -> None:
        """Take the beat: 204; or refuse: 404, 403, 400."""
        link = self._links.get(token)
        if link is None:
            raise HTTPError(404)
        if self.request.headers.get_list("Origin") != [self._origin]:
            raise HTTPError(403)
        try:
            beat = Beat.model_validate_json(self.request.body)
        except ValidationError:
            raise HTTPError(400) from None
        link.beat(beat)
        self.set_status(204)

    def log_exception(self, *raised: Any) -> None:
        """Tornado's own way would log the address, and with it the token."""
        logger.info("a beat was refused: %s", getattr(raised[1], "status_code", raised[1]))

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """Say no more than the number."""
        self.finish(f"{status_code}\n")


class PageFiles(StaticFileHandler):
    """Files for pages: exact types, and no word more than is due."""

    def get_content_type(self) -> str:
        """Exact for what browsers are strict about, opaque for the rest."""
        return _MIME.get(Path(str(self.absolute_path)).suffix, "application/octet-stream")

    def log_exception(self, *raised: Any) -> None:
        """Tornado's own way would log the address, and with it the token."""
        if not isinstance(raised[1], HTTPError):
            logger.error("serving a file to a page failed", exc_info=raised[1])

    def write_error(self, status_code: int, **_kwargs: Any) -> None:
        """Say no more than the number."""
        self.finish(f"{status_code}\n")


class LinkFiles(PageFiles):
    """Files under a link's token: ``/<token>/<harness file>`` and ``/<token>/files/<offer>/<name>``."""

    def initialize(self, links: Mapping[str, PageLink], harness: Path, socket_origin: str) -> None:  # type: ignore[override]
        super().initialize(path=str(harness), default_filename="index.html")
        self._links = links
        self._link: PageLink | None = None
        set_security_headers(self, socket_origin)

    async def prepare(self) -> None:
        """Find the link and the file; wait while the link's assets are stalled."""
        link = self._links.get(self.path_kwargs.pop("token"))
        if link is None:
            logger.warning("a request with an unknown token was refused")
            raise HTTPError(404)
        self._link = link
        while link.faults.stall_left > 0 and not self.request.connection.stream.closed():  # type: ignore[union-attr]
            await asyncio.sleep(min(_STALL_STEP, link.faults.stall_left))
        offer = self.path_kwargs.pop("offer", None)
        if offer is not None:
            while link.faults.must_wait() and not self.request.connection.stream.closed():  # type: ignore[union-attr]
                await asyncio.sleep(_HOLD_STEP)
            path = link.offered(int(offer))
            if path is None:
                logger.info("link %d: a file that is not offered was asked for", link.number)
                raise HTTPError(404)
            self.root = str(path.parent)
            self.path_kwargs["path"] = path.name

    def get_content(self, abspath: str, start: int | None = None, end: int | None = None) -> Iterator[bytes]:  # type: ignore[override]
        """The file in pieces; of a slow server the first of them are single bytes."""
        for piece in super().get_content(abspath, start, end):
            rest = bytes(piece)
            while self._link is not None and self._link.faults.slow_left > 0 and len(rest) > 1:
                yield rest[:1]
                rest = rest[1:]
            yield rest

    def flush(self, include_footers: bool = False) -> Future[None]:
        """Send what was written; a slow server then pauses."""
        sent = super().flush(include_footers)
        if self._link is None or self._link.faults.slow_left == 0 or include_footers:
            return sent
        return asyncio.ensure_future(_then_pause(sent, min(_SLOW_STEP, self._link.faults.slow_left)))

    def compute_etag(self) -> str | None:
        """Of time, size and file number: hashing 27 MB would block every other page of this server."""
        found = Path(str(self.absolute_path)).stat()
        return f'"{found.st_mtime_ns:x}-{found.st_size:x}-{found.st_ino:x}"'

    def set_extra_headers(self, path: str) -> None:
        """Kept by the browser, but asked for anew: a 304 costs a millisecond, a stale model a wrong verdict."""
        del path
        self.set_header("Cache-Control", "private, no-cache")


class RuntimeFiles(PageFiles):
    """onnxruntime's own files, at one address for all pages: a browser may keep them, and what it compiled of them."""

    def initialize(self, harness: Path, socket_origin: str) -> None:  # type: ignore[override]
        super().initialize(path=str(harness))
        set_security_headers(self, socket_origin)

    def compute_etag(self) -> str | None:
        """None is needed: nothing is asked anew."""

    def set_extra_headers(self, path: str) -> None:
        """Kept for as long as the server lives: its next one has another address."""
        del path
        self.set_header("Cache-Control", "private, max-age=604800, immutable")


async def _then_pause(sent: Future[None], seconds: float) -> None:
    await sent
    await asyncio.sleep(seconds)
