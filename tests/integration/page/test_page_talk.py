"""The talk of a page and its link: commands and answers, beats, and whose page is the one."""

from __future__ import annotations

import json
import time

import pytest

from jobs.browsers.page_inbox import MAX_WAITING
from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.protocol import ModelPart, PagePhase, Probe, Progress, Run
from jobs.browsers.tensors import MAX_FRAME_BYTES
from tests.integration.page.sockets import BOUND, ERROR, HELLO, close_code, connect, eventually, get, join


def test_commands_go_out_and_answers_come_in(server: PageServer, link: PageLink) -> None:
    page = join(server, link)
    link.send(Probe(id="7"))
    assert json.loads(page.recv()) == {"v": 1, "type": "probe", "id": "7"}
    page.send(json.dumps({"v": 1, "type": "progress", "id": "7", "phase": "load", "done": 1, "total": None}))
    assert link.receive(BOUND) == Progress(v=1, id="7", phase=PagePhase.LOAD, done=1, total=None)
    assert link.receive(0) is None
    page.send(json.dumps({"v": 1, "type": "log", "level": "error", "source": "page", "text": "oops"}))
    assert eventually(lambda: [log.text for log in link.take_logs()] == ["oops"])
    page.close()


def test_without_a_page_nothing_can_be_sent(server: PageServer, link: PageLink) -> None:
    with pytest.raises(LinkClosed):
        link.send(Probe(id="1"))
    join(server, link).close()
    assert eventually(lambda: not link.connected)
    with pytest.raises(LinkClosed):
        link.send(Probe(id="1"))


def test_a_page_that_does_not_read_can_not_fill_our_memory(server: PageServer, link: PageLink) -> None:
    page = join(server, link)
    part = ModelPart(name="model", url="/m")
    command = Run(id="1", parts=(part,), platform="wasm", inputs=())

    def command_of(size: int) -> Run:
        return command.model_copy(update={"parts": (part.model_copy(update={"url": "x" * size}),)})

    big = command_of(MAX_FRAME_BYTES // 2)

    def send_much() -> None:
        for _ in range(20):
            link.send(big)

    with pytest.raises(LinkClosed, match="does not read"):
        send_much()
    with pytest.raises(ValueError, match="allowed are"):
        link.send(command_of(MAX_FRAME_BYTES))
    page.sock.close()


def test_a_page_that_answers_unasked_is_sent_away(server: PageServer, link: PageLink) -> None:
    page = join(server, link)
    for _ in range(MAX_WAITING + 1):
        page.send(json.dumps(ERROR))
    assert close_code(page) == 1008
    page.close()


def test_the_newest_page_wins_and_the_older_is_told(server: PageServer, link: PageLink) -> None:
    older = join(server, link, "older")
    newer = join(server, link, "newer")
    assert close_code(older) == 4001
    link.send(Probe(id="1"))
    assert json.loads(newer.recv())["id"] == "1"
    older.close()
    assert link.connected
    newer.close()


def test_a_reconnecting_page_is_no_new_page(server: PageServer, link: PageLink) -> None:
    join(server, link, "same").close()
    assert eventually(lambda: not link.connected)
    again = connect(server, link.page_url)
    again.send(json.dumps({**HELLO, "page": "same"}))
    assert eventually(lambda: link.connected)
    with pytest.raises(TimeoutError):
        link.wait_hello(0.05)
    again.close()


def post_beat(server: PageServer, link: PageLink, page: str, **changes: object) -> int:
    beat = {"v": 1, "type": "beat", "page": page, "pulse_ms": 0, "phase": "idle", "phase_ms": 0, **changes}
    response, _ = get(link.page_url + "beat", "POST", json.dumps(beat).encode(), Origin=server.origin)
    return response.status


def test_beats_tell_ages_on_our_clock(server: PageServer, link: PageLink) -> None:
    assert (link.heartbeat_age, link.pulse_age, link.phase, link.phase_age) == (None, None, None, None)
    page = join(server, link)
    assert link.phase is PagePhase.IDLE
    began = time.monotonic()
    assert post_beat(server, link, "first", pulse_ms=3000, phase="compile", phase_ms=2500) == 204
    assert link.phase is PagePhase.COMPILE
    assert link.heartbeat_age is not None
    assert link.pulse_age is not None
    assert link.phase_age is not None
    since = time.monotonic() - began
    assert link.heartbeat_age - since < 0.5
    assert 3 <= link.pulse_age < 3.5 + since
    assert 2.5 <= link.phase_age < 3 + since
    page.close()


def test_beats_of_another_page_or_a_stranger_change_nothing(server: PageServer, link: PageLink) -> None:
    page = join(server, link)
    post_beat(server, link, "an older page", pulse_ms=9000)
    assert post_beat(server, link, "first", pulse_ms=-1) == 400
    body = json.dumps(
        {"v": 1, "type": "beat", "page": "first", "pulse_ms": 9000, "phase": "run", "phase_ms": 0}
    ).encode()
    assert get(link.page_url + "beat", "POST", body, Origin="https://elsewhere.example")[0].status == 403
    assert get(f"{server.origin}/{'x' * 43}/beat", "POST", body, Origin=server.origin)[0].status == 404
    assert get(link.page_url + "beat", "POST", b"x" * 5000, Origin=server.origin)[0].status in (400, 413)
    assert link.pulse_age is not None
    assert link.pulse_age < 9
    assert link.phase is PagePhase.IDLE
    page.close()


def test_a_closed_link_is_gone(server: PageServer) -> None:
    link = server.open_link()
    page = join(server, link)
    link.close()
    link.close()
    assert close_code(page) == 4000
    page.close()
    assert get(link.page_url)[0].status == 404
    with pytest.raises(LinkClosed):
        link.receive(BOUND)
    with pytest.raises(LinkClosed):
        link.wait_hello(BOUND)
    with pytest.raises(LinkClosed):
        link.send(Probe(id="1"))
