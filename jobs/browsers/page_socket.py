"""The WebSocket of a page: checks token, origin and every frame before anything reaches the link.

Refusing means: close the connection with a code, log one line, change nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from pydantic import ValidationError
from tornado.web import HTTPError
from tornado.websocket import WebSocketClosedError, WebSocketHandler

from jobs.browsers.page_inbox import Answer, InboxFull
from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.protocol import Hello, Log, from_page
from jobs.browsers.talk_log import logger
from jobs.browsers.tensors import MAX_FRAME_BYTES

# Seconds that a connection may stay without its hello.
HELLO_TIMEOUT: Final = 10.0
# Connections of one link that have not said hello yet; more are refused.
MAX_STRANGERS: Final = 8
# Bytes on their way to a page that doesn't read them.
MAX_UNSENT_BYTES: Final = 2 * MAX_FRAME_BYTES

UNSUPPORTED, NOT_JSON, POLICY, TOO_BIG = 1003, 1007, 1008, 1009


class _Refusal(Exception):
    def __init__(self, code: int, what: str) -> None:
        super().__init__(what)
        self.code = code
        self.what = what


def _read(frame: str | bytes) -> Hello | Log | Answer:
    if isinstance(frame, bytes):
        raise _Refusal(UNSUPPORTED, f"a binary frame of {len(frame)} bytes")
    if len(frame) > MAX_FRAME_BYTES:
        raise _Refusal(TOO_BIG, f"a frame of {len(frame)} characters")
    try:
        return from_page.validate_json(frame)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        code = NOT_JSON if first["type"] == "json_invalid" else POLICY
        where = ".".join(map(str, first["loc"]))[:100]
        raise _Refusal(code, f"a frame of {len(frame)} characters: {first['type']} at {where!r}") from None


class PageSocket(WebSocketHandler):
    """One connection. Its first frame must be a hello; from then on it feeds the link."""

    def initialize(self, links: Mapping[str, PageLink], strangers: dict[int, int], origin: str) -> None:
        self._links = links
        self._strangers = strangers
        self._origin = origin
        self._link: PageLink  # set by prepare; without one nothing else is called
        self._opened = False
        self._introduced = False
        self._refused = False
        self._unsent = 0
        self._hello_timer: asyncio.TimerHandle | None = None

    def prepare(self) -> None:
        """Refuse unknown tokens (404), foreign or missing origins (403), crowds and cut links (503): no upgrade."""
        link = self._links.get(self.path_kwargs["token"])
        if link is None:
            logger.warning("a WebSocket with an unknown token was refused")
            raise HTTPError(404)
        if self.request.headers.get_list("Origin") != [self._origin]:
            logger.warning("link %d: a WebSocket from a foreign origin was refused", link.number)
            raise HTTPError(403)
        if link.is_cut:
            raise HTTPError(503)
        if self._strangers.get(link.number, 0) >= MAX_STRANGERS:
            logger.warning("link %d: a WebSocket was refused, %d wait to say hello", link.number, MAX_STRANGERS)
            raise HTTPError(503)
        self._link = link

    def check_origin(self, origin: str) -> bool:
        """As ``prepare`` does, where it also refuses a missing one."""
        return origin == self._origin

    def open(self, *_args: str, **_kwargs: str) -> None:
        """Start the time that a hello may take."""
        self._opened = True
        self._strangers[self._link.number] = self._strangers.get(self._link.number, 0) + 1
        self.set_nodelay(True)
        self._hello_timer = asyncio.get_running_loop().call_later(
            HELLO_TIMEOUT, lambda: self._refuse(POLICY, f"no hello within {HELLO_TIMEOUT:g} s")
        )

    def on_message(self, message: str | bytes) -> None:
        """Judge a frame, then pass it on."""
        if self._refused:
            return
        try:
            parsed = _read(message)
            logger.debug("link %d: page sent %s, %d characters", self._link.number, parsed.type, len(message))
            if isinstance(parsed, Hello):
                self._greet(parsed)
            elif not self._introduced:
                raise _Refusal(POLICY, f"{parsed.type} before hello")  # noqa: TRY301 - one place refuses
            else:
                self._link.deliver(self, parsed)
        except _Refusal as refusal:
            self._refuse(refusal.code, refusal.what)
        except InboxFull as error:
            self._refuse(POLICY, str(error))

    def on_close(self) -> None:
        """Free what the connection held."""
        if not self._opened:
            return
        self._no_stranger()
        self._link.dropped(self)
        if self.close_code is None and not self._refused:
            # Tornado itself drops frames far beyond the limit, and text that isn't UTF-8, without telling us which.
            logger.info(
                "link %d: the connection broke (page gone, or a frame refused as oversize or not UTF-8)",
                self._link.number,
            )
        else:
            logger.debug("link %d: connection closed, code %s", self._link.number, self.close_code)

    def post_frame(self, frame: str) -> None:
        """Queue a frame for the page.

        Raises:
            LinkClosed: the page is gone, or does not read what was sent before.
        """
        if self._unsent + len(frame) > MAX_UNSENT_BYTES:
            raise LinkClosed(f"the page does not read: {self._unsent} bytes wait for it")
        try:
            sent = self.write_message(frame)
        except WebSocketClosedError as error:
            raise LinkClosed("the page's connection is closed") from error
        self._unsent += len(frame)
        sent.add_done_callback(lambda done: self._sent(len(frame), done))
        logger.debug("link %d: sent the page %d characters", self._link.number, len(frame))

    def end(self, code: int, reason: str) -> None:
        """Close from our side, for no fault of the page."""
        self._refused = True
        self.close(code, reason)

    def log_exception(self, *raised: Any) -> None:
        """Tornado's own way would log the address, and with it the token."""
        if not isinstance(raised[1], HTTPError):
            logger.error("a page's connection failed", exc_info=raised[1])

    def _greet(self, hello: Hello) -> None:
        if self._introduced:
            raise _Refusal(POLICY, "a second hello")
        if not self._link.greet(self, hello):
            self.end(4000, "link closed")
            return
        self._introduced = True
        self._no_stranger()

    def _no_stranger(self) -> None:
        if self._hello_timer is not None:
            self._hello_timer.cancel()
            self._hello_timer = None
            left = self._strangers.get(self._link.number, 0) - 1
            if left > 0:
                self._strangers[self._link.number] = left
            else:
                self._strangers.pop(self._link.number, None)

    def _refuse(self, code: int, what: str) -> None:
        logger.warning("link %d: refused %s", self._link.number, what)
        self._refused = True
        if self._introduced:
            self._link.refuse(what)
        self.close(code, "refused")

    def _sent(self, size: int, done: asyncio.Future[None]) -> None:
        self._unsent -= size
        if not done.cancelled():
            done.exception()  # a page that went away meanwhile is no news: on_close tells
