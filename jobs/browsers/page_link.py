"""PageLink: what a session talks through to its page. Thread-safe; the server's thread feeds it, any other may use it.

It knows neither browsers nor failures: it tells ages and hands over messages, others judge.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Final, Protocol

from jobs.browsers.link_faults import LinkFaults
from jobs.browsers.link_offers import LinkOffers
from jobs.browsers.page_inbox import Answer, Inbox
from jobs.browsers.page_vitals import Vitals
from jobs.browsers.protocol import Beat, Fault, Hello, Log, PagePhase, Probe, Run
from jobs.browsers.tensors import MAX_FRAME_BYTES

# Complaints of the page, and notes of messages both ways, that are kept; the oldest go first.
MAX_LOGS: Final = 200
MAX_NOTES: Final = 200
# Seconds that the server's thread may take to accept a message for sending.
SEND_TIMEOUT: Final = 5.0


Message = Run | Fault | Probe | Hello | Log | Answer


class LinkClosed(Exception):
    """No page is connected, or the link was closed."""


class Connection(Protocol):
    """The socket's side, used in the server's thread only."""

    def post_frame(self, frame: str) -> None:
        """Queue a frame. Raises LinkClosed when the page is gone or doesn't read."""

    def end(self, code: int, reason: str) -> None:
        """Close the connection."""


class PageLink:
    """One page's line: its URL, files offered to it, messages both ways, and how long ago it showed life.

    Made by ``PageServer.open_link``. A reload of the page reconnects to the same link; the newest page wins.
    """

    def __init__(
        self, number: int, page_url: str, loop: asyncio.AbstractEventLoop, forget: Callable[[], object]
    ) -> None:
        self.number = number
        self.page_url = page_url
        self._loop = loop
        self._forget = forget
        self._changed = threading.Condition()
        self._connection: Connection | None = None
        self._closed = False
        self._hello: Hello | None = None
        self._greeted: str | None = None
        self._inbox = Inbox()
        self._logs: deque[Log] = deque(maxlen=MAX_LOGS)
        self._notes: deque[dict[str, object]] = deque(maxlen=MAX_NOTES)
        self._offers = LinkOffers(page_url)
        self.faults = LinkFaults()
        self._vitals: Vitals | None = None
        self._cut = False
        self._lost_at: float | None = None
        self._refused: str | None = None

    # --- For the session, any thread ---

    @property
    def connected(self) -> bool:
        """Whether a page that said hello holds the line now."""
        return self._connection is not None

    @property
    def lost_age(self) -> float | None:
        """Seconds since the page's connection was lost; None while one holds the line, and before the first."""
        lost_at = self._lost_at
        return None if lost_at is None else time.monotonic() - lost_at

    @property
    def refused(self) -> str | None:
        """What the server could not accept of this page, after which it hears it no more; None: nothing so far."""
        return self._refused

    @property
    def heartbeat_age(self) -> float | None:
        """Seconds since the page's worker was last heard; None before the first hello."""
        vitals = self._vitals
        return None if vitals is None else time.monotonic() - vitals.heard_at

    @property
    def pulse_age(self) -> float | None:
        """Seconds since the page's main thread was last alive, as far as is known; None before the first hello."""
        vitals = self._vitals
        return None if vitals is None else time.monotonic() - vitals.pulse_at

    @property
    def phase(self) -> PagePhase | None:
        """What the main thread announced last; None before the first hello."""
        vitals = self._vitals
        return None if vitals is None else vitals.phase

    @property
    def phase_age(self) -> float | None:
        """Seconds since the phase was announced; None before the first hello."""
        vitals = self._vitals
        return None if vitals is None else time.monotonic() - vitals.phase_at

    @property
    def wait_age(self) -> float | None:
        """Seconds without a byte of what the page waits for; None: it waits for nothing, or never said hello."""
        vitals = self._vitals
        return None if vitals is None or vitals.waiting_since is None else time.monotonic() - vitals.waiting_since

    @property
    def work_age(self) -> float | None:
        """Seconds since the page was last seen at work, free or computing; None: it can't be seen."""
        vitals = self._vitals
        return None if vitals is None or vitals.worked_at is None else time.monotonic() - vitals.worked_at

    def wait_hello(self, timeout: float) -> Hello:
        """Wait for a page load that this method did not return before.

        A page that merely reconnects is not new; so call it once after every navigation to ``page_url``.

        Raises:
            TimeoutError: no page said hello within ``timeout`` seconds.
            LinkClosed: the link was closed meanwhile.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._closed or self._new_page(), timeout):
                raise TimeoutError(f"the page did not connect within {timeout:g} s")
            if self._hello is None or self._closed:
                raise LinkClosed("the link is closed")
            self._greeted = self._hello.page
            return self._hello

    def offer(self, path: Path) -> str:
        """Let the page load a file; returns its URL, which holds until withdrawn. The same path keeps its URL.

        Raises:
            FileNotFoundError: there is no such file.
            ValueError: too many offers, or not a regular file.
        """
        return self._offers.add(path)

    def withdraw_all(self) -> None:
        """Take all offers back; their URLs are not found from now on and never used again."""
        self._offers.withdraw_all()

    def send(self, message: Run | Fault | Probe) -> None:
        """Hand a message over for sending; does not wait until the page read it.

        Raises:
            LinkClosed: no page is connected, or it stopped reading.
            ValueError: the message is larger than a frame may be.
        """
        frame = message.model_dump_json()
        if len(frame) > MAX_FRAME_BYTES:
            raise ValueError(f"a message of {len(frame)} bytes to the page; allowed are {MAX_FRAME_BYTES}")
        posted: Future[None] = Future()
        self._note("worker", message, len(frame))
        try:
            self._loop.call_soon_threadsafe(self._post, frame, posted)
            posted.result(SEND_TIMEOUT)
        except (RuntimeError, TimeoutError) as error:  # the loop is closed, or stopped under us
            raise LinkClosed("the page server is gone") from error

    def receive(self, timeout: float) -> Answer | None:
        """The next answer or progress of the page, or None when nothing came within ``timeout`` seconds.

        Answers carry their command's id; one of an earlier command is the caller's to drop.

        Raises:
            LinkClosed: the link was closed; nothing will come.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._inbox) > 0 or self._closed, timeout)
            answer = self._inbox.take()
            if answer is None and self._closed:
                raise LinkClosed("the link is closed")
            return answer

    def take_logs(self) -> list[Log]:
        """What the page complained of since the last call, oldest first; at most 200."""
        with self._changed:
            taken = list(self._logs)
            self._logs.clear()
            return taken

    def talk(self) -> list[dict[str, object]]:
        """The latest messages both ways, oldest first: when, whose, of what type. Beats are not among them."""
        with self._changed:
            return list(self._notes)

    def cut(self) -> None:
        """Fault: drop the page's connection and take none of this link again, as a broken network would."""
        with self._changed:
            self._cut = True
            connection = self._connection
        if connection is not None:
            self._loop.call_soon_threadsafe(connection.end, 1001, "cut")

    def close(self) -> None:
        """End the link: its token is unknown from now on, its page is told to stay away. May be called twice."""
        with self._changed:
            self._closed = True
            connection, self._connection = self._connection, None
            self._changed.notify_all()
        self._offers.withdraw_all()
        self.faults.end()
        self._forget()
        if connection is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(connection.end, 4000, "link closed")

    # --- For the server, its thread ---

    def greet(self, connection: Connection, hello: Hello) -> bool:
        """A page said hello: it holds the line now, an older one is sent away. False when the link is closed."""
        with self._changed:
            if self._closed:
                return False
            older, self._connection = self._connection, connection
            if self._vitals is None or self._hello is None or self._hello.page != hello.page:
                self._vitals = Vitals.at_hello()
            else:
                self._vitals = self._vitals.heard()  # only the connection is new
            self._hello = hello
            self._lost_at = None
            self._note("page", hello)
            self._changed.notify_all()
        if older is not None:
            older.end(4001, "replaced by a newer page")
        return True

    def deliver(self, connection: Connection, message: Log | Answer) -> None:
        """Take a message of the page that holds the line; one of an older page is dropped.

        Raises:
            InboxFull: nobody receives and there is no progress left to drop.
        """
        with self._changed:
            if connection is not self._connection or self._vitals is None:
                return
            self._vitals = self._vitals.heard()
            self._note("page", message)
            if isinstance(message, Log):
                self._logs.append(message)
            else:
                self._inbox.put(message)
                self._changed.notify_all()

    def beat(self, beat: Beat) -> None:
        """Take a beat of the page that holds the line; others are dropped."""
        with self._changed:
            if self._connection is not None and self._hello is not None and self._hello.page == beat.page:
                self._vitals = Vitals.of_beat(beat)

    def dropped(self, connection: Connection) -> None:
        """A connection ended, for whatever reason."""
        with self._changed:
            if self._connection is connection:
                self._connection = None
                self._lost_at = time.monotonic()
                self._changed.notify_all()

    def refuse(self, what: str) -> None:
        """The page broke the protocol."""
        self._refused = what

    @property
    def is_cut(self) -> bool:
        """Whether new connections are to be turned away."""
        return self._cut

    def offered(self, number: int) -> Path | None:
        """The file behind an offer."""
        return self._offers.file(number)

    # --- Inside ---

    def _new_page(self) -> bool:
        return self._connection is not None and self._hello is not None and self._hello.page != self._greeted

    def _note(self, sender: str, message: Message, size: int | None = None) -> None:
        note: dict[str, object] = {"at": round(time.time(), 4), "from": sender, "type": message.type}
        for name in ("id", "phase", "done", "total", "kind", "message"):
            if (value := getattr(message, name, None)) is not None:
                note[name] = value
        self._notes.append(note if size is None else {**note, "characters": size})

    def _post(self, frame: str, posted: Future[None]) -> None:
        connection = self._connection
        if connection is None:
            posted.set_exception(LinkClosed("no page is connected"))
            return
        try:
            connection.post_frame(frame)
        except LinkClosed as error:
            posted.set_exception(error)
        else:
            posted.set_result(None)
