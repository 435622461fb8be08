"""Whatever a page sends, its connection is all that it can lose: nothing stops the server."""

from __future__ import annotations

import json
import os
import random

import pytest
import websocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.tensors import MAX_FRAME_BYTES
from tests.integration.page.sockets import BOUND, ERROR, HELLO, close_code, connect, eventually, join


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("{", 1007),
        ("", 1007),
        ("[" * 100_000, 1007),
        ('{"v":1,"type":"hello","text":"\\ud800"}', 1007),
        ("[]", 1008),
        (json.dumps({**HELLO, "v": 2}), 1008),
        (json.dumps({**HELLO, "secret-key": 1}), 1008),
        (json.dumps({**ERROR, "kind": "unheard of"}), 1008),
        (json.dumps(HELLO), 1008),  # a second hello
        (b"\x00\x01", 1003),
        ("x" * (MAX_FRAME_BYTES + 1), 1009),
    ],
    ids=[
        "broken",
        "empty",
        "deep",
        "surrogate",
        "list",
        "version",
        "extra",
        "kind",
        "hello twice",
        "binary",
        "oversize",
    ],
)
def test_a_bad_frame_closes_its_connection_and_changes_nothing(
    server: PageServer, link: PageLink, caplog: pytest.LogCaptureFixture, frame: str | bytes, code: int
) -> None:
    socket = join(server, link)
    if isinstance(frame, bytes):
        socket.send_binary(frame)
    else:
        socket.send(frame)
    assert close_code(socket) == code
    socket.close()
    assert eventually(lambda: not link.connected)
    assert "refused" in caplog.text
    assert "secret" not in caplog.text.replace("'hello.secret-key'", "")
    assert link.receive(0) is None
    assert link.take_logs() == []
    join(server, link, "second").close()


@pytest.mark.parametrize("kind", ["bad UTF-8", "far oversize"])
def test_a_frame_that_breaks_the_websocket_itself_drops_the_connection(
    server: PageServer, link: PageLink, kind: str
) -> None:
    socket = join(server, link)
    if kind == "bad UTF-8":
        socket.send(b"\xff\xfe", websocket.ABNF.OPCODE_TEXT)
    else:  # only the header: the server must not wait for the rest, nor keep it
        socket.sock.sendall(b"\x81\xff" + (1 << 40).to_bytes(8, "big") + b"\0\0\0\0")
    assert close_code(socket) in (None, 1007, 1009)
    assert eventually(lambda: not link.connected)
    join(server, link, "second").close()


def test_a_message_before_hello_is_refused_and_reaches_nobody(server: PageServer, link: PageLink) -> None:
    page = join(server, link)
    stranger = connect(server, link.page_url)
    stranger.send(json.dumps(ERROR))
    assert close_code(stranger) == 1008
    assert link.receive(0) is None
    assert link.connected
    page.close()


def test_a_thousand_junk_frames_later_the_server_answers_the_next_good_one(server: PageServer, link: PageLink) -> None:
    dice = random.Random(1)
    good = json.dumps(ERROR)
    for _ in range(1_000):
        socket = connect(server, link.page_url)
        if dice.random() < 0.5:
            socket.send(json.dumps(HELLO))
        match dice.randrange(4):
            case 0:
                socket.send_binary(dice.randbytes(dice.randrange(200)))
            case 1:
                at = dice.randrange(len(good) - 1)
                socket.send(good[:at] + chr(dice.randrange(1, 0xD800)) + good[at + 1 :] + "}")
            case 2:
                socket.sock.sendall(dice.randbytes(dice.randrange(1, 60)))
            case _:
                socket.send(good[: dice.randrange(len(good))])
        socket.sock.close()
    socket = join(server, link, "good")
    socket.send(good)
    # Random bytes may have left whole messages before; the good one comes last.
    answer = link.receive(BOUND)
    assert answer is not None
    assert answer.id == "1"
    assert link.connected
    socket.close()


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)
near_messages = st.builds(
    lambda base, changes, drop: {k: v for k, v in {**base, **changes}.items() if k != drop},
    st.sampled_from([HELLO, ERROR]),
    st.dictionaries(st.sampled_from([*HELLO, *ERROR, "extra"]), json_values, min_size=1, max_size=3),
    st.sampled_from([None, *HELLO, *ERROR]),
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frame=near_messages.map(json.dumps) | json_values.map(json.dumps) | st.text() | st.binary())
def test_whatever_a_page_sends_the_next_page_can_join(server: PageServer, link: PageLink, frame: str | bytes) -> None:
    socket = connect(server, link.page_url)
    if isinstance(frame, bytes):
        socket.send_binary(frame)
    else:
        socket.send(frame.encode("utf-8", "replace").decode())
    socket.close()
    # A lucky frame may be a hello with this very name, so it is always a new one.
    join(server, link, os.urandom(8).hex()).close()
