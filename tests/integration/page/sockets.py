"""A page's side of the talk, by bare sockets: what a page sends, and how a test speaks for one."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from urllib.parse import urlsplit

import websocket

from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer

# Seconds.
BOUND = 60.0
HELLO = {
    "v": 1, "type": "hello", "page": "first", "user_agent": "test", "cross_origin_isolated": True, "boot_ms": 1.0
}  # fmt: skip
ERROR = {"v": 1, "type": "error", "id": "1", "kind": "script_error", "phase": "run", "message": "m", "stack": ""}


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + BOUND
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def connect(server: PageServer, address: str, origin: str | None = None) -> websocket.WebSocket:
    url = address.replace("http", "ws", 1) + "socket"
    return websocket.create_connection(
        url, timeout=BOUND, origin=server.origin if origin is None else origin, enable_multithread=False
    )


def join(server: PageServer, link: PageLink, page: str = "first") -> websocket.WebSocket:
    socket = connect(server, link.page_url)
    socket.send(json.dumps({**HELLO, "page": page}))
    link.wait_hello(BOUND)
    return socket


def close_code(socket: websocket.WebSocket) -> int | None:
    """The code that the server closes with; None when it just drops the connection."""
    try:
        opcode, data = socket.recv_data()
    except (websocket.WebSocketConnectionClosedException, OSError):
        return None
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    return int.from_bytes(data[:2], "big")


def get(address: str, method: str = "GET", body: bytes | None = None, **headers: str) -> tuple[HTTPResponse, bytes]:
    parts = urlsplit(address)
    connection = HTTPConnection(parts.hostname or "", parts.port, timeout=BOUND)
    try:
        connection.request(method, parts.path, body, headers)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()
