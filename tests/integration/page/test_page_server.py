"""The page server itself: what it logs, how it ends, and whose it is."""

from __future__ import annotations

import json
import os

import pytest

from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.protocol import Probe
from jobs.browsers.talk_log import logger
from tests.integration.page.sockets import BOUND, ERROR, close_code, eventually, get, join


def test_the_log_shows_the_talk_but_no_token_and_no_content(
    server: PageServer, link: PageLink, caplog: pytest.LogCaptureFixture
) -> None:
    token = link.page_url.rstrip("/").rsplit("/", 1)[1]
    caplog.set_level("DEBUG")
    page = join(server, link)
    link.send(Probe(id="secret-id"))
    page.recv()
    page.send(json.dumps({**ERROR, "message": "secret-message"}))
    link.receive(BOUND)
    get(link.page_url + "files/9/nothing")
    get(link.page_url + "nothing")
    page.close()
    assert eventually(lambda: "connection closed" in caplog.text)
    ours = [record.getMessage() for record in caplog.records if record.name == logger.name]
    assert any("page sent error" in line for line in ours)
    assert token not in caplog.text
    assert "secret" not in caplog.text


def test_a_stopped_server_leaves_nothing_waiting() -> None:
    server = PageServer()
    server.start()
    link = server.open_link()
    page = join(server, link)
    server.stop()
    server.stop()
    assert close_code(page) in (None, 4000)
    with pytest.raises(LinkClosed):
        link.send(Probe(id="1"))
    with pytest.raises(OSError, match="refused"):
        get(link.page_url)
    with pytest.raises(RuntimeError, match="does not run"):
        server.open_link()


def test_a_forked_child_can_not_use_its_parents_server(server: PageServer) -> None:
    child = os.fork()
    if child == 0:
        try:
            server.open_link()
        except RuntimeError:
            os._exit(0)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_taken_port_is_told_at_the_start(server: PageServer) -> None:
    with pytest.raises(OSError, match="in use"):
        PageServer(port=server.port).start()
