"""PageServer: serves harness, models and WebSocket to the pages of one process, from a thread of its own.

Everything of a page lies under ``/<secret>/<token>/``: who doesn't know a link's token sees nothing. Only onnxruntime's
own files are a folder higher, at one address for all pages of a server: so a browser keeps what it compiled of them.
Loopback unless told otherwise.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import re
import secrets
import socket
import threading
from concurrent.futures import Future
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, url

from jobs.browsers.page_assets import Beats, LinkFiles, NotFound, RuntimeFiles
from jobs.browsers.page_link import PageLink
from jobs.browsers.page_socket import PageSocket
from jobs.browsers.talk_log import configure_logging, logger
from jobs.browsers.tensors import MAX_FRAME_BYTES
from jobs.page import DIST

# Seconds.
START_TIMEOUT: Final = 10.0
STOP_TIMEOUT: Final = 5.0
IDLE_CONNECTION_TIMEOUT: Final = 60.0
# A page whose network is gone is let go after this; its hang is seen much sooner, by its beats.
PING_INTERVAL: Final = 10.0

_LINK: Final = r"(?P<token>[A-Za-z0-9_-]{43})"


class PageServer:
    """One for each process that drives browsers; also a context manager.

    Start it in the process that uses it, after any fork: threads don't survive one.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0, public_url: str | None = None) -> None:
        """``public_url``: the origin as browsers see it, where that is another; ``{port}`` stands for our port."""
        self._host = host
        self._public_url = public_url
        self._port = port
        self._links: dict[str, PageLink] = {}
        self._secret = secrets.token_urlsafe(32)
        self._numbers = itertools.count(1)
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._pid = 0

    @property
    def port(self) -> int:
        """The port that it listens on; known once started."""
        return self._port

    @property
    def origin(self) -> str:
        """The origin of every page that it serves."""
        if self._public_url is not None:
            return _without_default_port(self._public_url.replace("{port}", str(self._port)))
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    def start(self) -> None:
        """Listen, and serve from now on.

        Raises:
            OSError: the address can't be bound.
            FileNotFoundError: the harness is not built.
            RuntimeError: started before.
        """
        if self._thread is not None:
            raise RuntimeError("the page server was started before")
        if not (DIST / "index.html").is_file():
            raise FileNotFoundError("the page harness is not built: run `make setup`")
        configure_logging()
        sockets = bind_sockets(self._port, self._host)
        self._port = sockets[0].getsockname()[1]
        self._pid = os.getpid()
        started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(sockets, started)), name="page-server", daemon=True
        )
        self._thread.start()
        self._loop, self._stopping = started.result(START_TIMEOUT)

    def stop(self) -> None:
        """Close every link and end the thread. May be called twice."""
        if self._thread is None or self._loop is None or self._stopping is None or self._pid != os.getpid():
            return
        for link in list(self._links.values()):
            link.close()
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join(STOP_TIMEOUT)
        if self._thread.is_alive():
            logger.warning("the page server's thread did not end within %g s", STOP_TIMEOUT)

    def open_link(self) -> PageLink:
        """A line for one page, with a token of its own.

        Raises:
            RuntimeError: the server does not run in this process.
        """
        if self._loop is None or self._loop.is_closed() or self._pid != os.getpid():
            raise RuntimeError("the page server does not run in this process: start it here first")
        token = secrets.token_urlsafe(32)
        link = PageLink(
            number=next(self._numbers),
            page_url=f"{self.origin}/{self._secret}/{token}/",
            loop=self._loop,
            forget=lambda: self._links.pop(token, None),
        )
        self._links[token] = link
        return link

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _application(self) -> Application:
        socket_origin = self.origin.replace("http", "ws", 1)
        files = {"links": self._links, "harness": Path(DIST), "socket_origin": socket_origin}
        beats = {"links": self._links, "origin": self.origin, "socket_origin": socket_origin}
        talk = {"links": self._links, "strangers": {}, "origin": self.origin}
        runtime = {"harness": Path(DIST), "socket_origin": socket_origin}
        link = rf"/{re.escape(self._secret)}/{_LINK}"
        return Application(
            [
                url(rf"{link}/socket", PageSocket, talk),
                url(rf"{link}/beat", Beats, beats),
                url(rf"{link}/files/(?P<offer>[0-9]{{1,9}})/(?P<path>[^/]+)", LinkFiles, files),
                url(rf"{link}/(?P<path>[A-Za-z0-9._-]*)", LinkFiles, files),
                url(
                    rf"/{re.escape(self._secret)}/(?P<path>ort-wasm[A-Za-z0-9.-]+\.(?:mjs|wasm))", RuntimeFiles, runtime
                ),
            ],
            default_handler_class=NotFound,
            default_handler_args={"socket_origin": socket_origin},
            log_function=lambda _handler: None,  # an access log would hold tokens
            # Ours is the limit that answers and is logged; tornado's, above it, only bounds memory.
            websocket_max_message_size=2 * MAX_FRAME_BYTES,
            websocket_ping_interval=PING_INTERVAL,
            websocket_ping_timeout=PING_INTERVAL,
        )

    async def _serve(
        self, sockets: list[socket.socket], started: Future[tuple[asyncio.AbstractEventLoop, asyncio.Event]]
    ) -> None:
        try:
            stopping = asyncio.Event()
            server = HTTPServer(
                self._application(),
                max_body_size=1024,
                body_timeout=5.0,
                idle_connection_timeout=IDLE_CONNECTION_TIMEOUT,
            )
            server.add_sockets(sockets)
        except BaseException as error:
            started.set_exception(error)
            raise
        started.set_result((asyncio.get_running_loop(), stopping))
        await stopping.wait()
        server.stop()
        await server.close_all_connections()


def _without_default_port(origin: str) -> str:
    """As browsers write it in their Origin header."""
    default = ":80" if origin.startswith("http://") else ":443"
    return origin.removesuffix(default)
