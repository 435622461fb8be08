"""Who is let in at the page server's socket: the page with the token, from the right origin, and no crowd."""

from __future__ import annotations

import pytest
import websocket

from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.page_socket import MAX_STRANGERS
from tests.integration.page.sockets import BOUND, connect, eventually, join


def test_an_unknown_token_is_refused(server: PageServer, link: PageLink, caplog: pytest.LogCaptureFixture) -> None:
    token = link.page_url.split("/")[-2]
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        connect(server, link.page_url.replace(token, "x" * 43))
    assert "unknown token" in caplog.text
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        connect(server, f"{server.origin}/{token}/")
    assert "unknown address" in caplog.text
    assert not link.connected


@pytest.mark.parametrize("origin", ["https://elsewhere.example", "http://127.0.0.1:1", "null"])
def test_a_foreign_origin_is_refused(
    server: PageServer, link: PageLink, caplog: pytest.LogCaptureFixture, origin: str
) -> None:
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        connect(server, link.page_url, origin)
    assert "foreign origin" in caplog.text


def test_a_missing_origin_is_refused(link: PageLink) -> None:
    url = link.page_url.replace("http", "ws", 1) + "socket"
    with pytest.raises(websocket.WebSocketBadStatusException, match="403"):
        websocket.create_connection(url, timeout=BOUND, suppress_origin=True)


def test_a_crowd_that_never_says_hello_is_bounded(server: PageServer, link: PageLink) -> None:
    crowd = [connect(server, link.page_url) for _ in range(MAX_STRANGERS)]
    with pytest.raises(websocket.WebSocketBadStatusException, match="503"):
        connect(server, link.page_url)
    for stranger in crowd:
        stranger.close()
    # The places are free again once the server saw them leave.
    assert eventually(lambda: _can_join(server, link))


def _can_join(server: PageServer, link: PageLink) -> bool:
    try:
        join(server, link).close()
    except websocket.WebSocketBadStatusException:
        return False
    return True
