"""The page server against real sockets: who is let in, what is refused, and that nothing stops it."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import websocket
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobs.browsers.page_inbox import MAX_WAITING
from jobs.browsers.page_link import LinkClosed, PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.page_socket import MAX_STRANGERS
from jobs.browsers.protocol import ModelPart, PagePhase, Probe, Progress, Run
from jobs.browsers.talk_log import logger
from jobs.browsers.tensors import MAX_FRAME_BYTES

BOUND = 10.0
HELLO = {
    "v": 1, "type": "hello", "page": "first", "user_agent": "test", "cross_origin_isolated": True, "boot_ms": 1.0
}  # fmt: skip
ERROR = {"v": 1, "type": "error", "id": "1", "kind": "script_error", "phase": "run", "message": "m", "stack": ""}


@pytest.fixture(scope="module")
def server() -> Iterator[PageServer]:
    with PageServer() as started:
        yield started


@pytest.fixture
def link(server: PageServer) -> Iterator[PageLink]:
    opened = server.open_link()
    yield opened
    opened.close()


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


# --- Files -----------------------------------------------------------------------------------------------------------


def test_the_harness_is_served_isolated_and_with_exact_types(link: PageLink) -> None:
    kinds = {
        "": "text/html; charset=utf-8",
        "harness.js": "text/javascript; charset=utf-8",
        "ort-wasm-simd-threaded.mjs": "text/javascript; charset=utf-8",
        "ort-wasm-simd-threaded.wasm": "application/wasm",
    }
    for name, kind in kinds.items():
        response, body = get(link.page_url + name)
        assert (response.status, response.headers["Content-Type"]) == (200, kind)
        assert response.headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert response.headers["Cross-Origin-Embedder-Policy"] == "require-corp"
        assert response.headers["Referrer-Policy"] == "no-referrer"
        assert len(body) == int(response.headers["Content-Length"])
        again, body = get(link.page_url + name, **{"If-None-Match": response.headers["ETag"]})
        assert (again.status, body) == (304, b"")


def test_an_offered_file_is_served_to_its_own_link_only(server: PageServer, link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "a model.onnx"
    model.write_bytes(os.urandom(3_000_000))
    address = link.offer(model)
    assert link.offer(model) == address
    response, body = get(address)
    assert (response.status, body) == (200, model.read_bytes())
    other = server.open_link()
    assert get(address.replace(link.page_url, other.page_url))[0].status == 404
    other.close()


def test_a_changed_file_is_never_taken_from_a_cache(link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"one")
    address = link.offer(model)
    tag = get(address)[0].headers["ETag"]
    model.write_bytes(b"two")
    response, body = get(address, **{"If-None-Match": tag})
    assert (response.status, body) == (200, b"two")


def test_a_link_to_a_file_elsewhere_is_followed_when_offered(link: PageLink, tmp_path: Path) -> None:
    """As the model hub's cache keeps its files."""
    (tmp_path / "blobs").mkdir()
    (tmp_path / "blobs" / "abc").write_bytes(b"model")
    (tmp_path / "m.onnx").symlink_to(tmp_path / "blobs" / "abc")
    assert get(link.offer(tmp_path / "m.onnx"))[1] == b"model"


def test_withdrawn_files_are_not_found_and_their_addresses_not_used_again(link: PageLink, tmp_path: Path) -> None:
    model = tmp_path / "m.onnx"
    model.write_bytes(b"model")
    first = link.offer(model)
    link.withdraw_all()
    assert get(first)[0].status == 404
    assert link.offer(model) != first


def test_what_can_not_be_served_can_not_be_offered(link: PageLink, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        link.offer(tmp_path / "missing.onnx")
    with pytest.raises(ValueError, match="not a regular file"):
        link.offer(tmp_path)


@pytest.mark.parametrize("path", ["", "x", "{token}x/", "{token}/../../etc/passwd", "{token}/..%2f..%2fpyproject.toml",
                                  "{token}/files/1/m", "{token}/files/1/..%2fm", "favicon.ico"])  # fmt: skip
def test_nothing_else_is_served(server: PageServer, link: PageLink, path: str) -> None:
    token = link.page_url.rstrip("/").rsplit("/", 1)[1]
    response, body = get(f"{server.origin}/{path.format(token=token)}")
    assert response.status in (403, 404)
    assert len(body) < 10


def test_a_stall_leaves_requests_unanswered_and_ends(link: PageLink) -> None:
    link.stall_assets(0.6)
    started = time.monotonic()
    assert get(link.page_url)[0].status == 200
    assert 0.5 < time.monotonic() - started < 3


def test_other_links_are_served_during_a_stall(server: PageServer, link: PageLink) -> None:
    link.stall_assets(60)
    other = server.open_link()
    with ThreadPoolExecutor(1) as pool:
        stalled = pool.submit(get, link.page_url)
        assert get(other.page_url)[0].status == 200
        assert not stalled.done()
        link.stall_assets(0)
        assert stalled.result(BOUND)[0].status == 200
    other.close()


# --- Who is let in ---------------------------------------------------------------------------------------------------


def test_an_unknown_token_is_refused(server: PageServer, link: PageLink, caplog: pytest.LogCaptureFixture) -> None:
    stranger = f"{server.origin}/{'x' * 43}/"
    with pytest.raises(websocket.WebSocketBadStatusException, match="404"):
        connect(server, stranger)
    assert "unknown token" in caplog.text
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


# --- Frames ----------------------------------------------------------------------------------------------------------


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


# --- The talk --------------------------------------------------------------------------------------------------------


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
    assert post_beat(server, link, "first", pulse_ms=3000, phase="compile", phase_ms=2500) == 204
    assert link.phase is PagePhase.COMPILE
    assert link.heartbeat_age is not None
    assert link.pulse_age is not None
    assert link.phase_age is not None
    assert link.heartbeat_age < 2
    assert 3 <= link.pulse_age < 5
    assert 2.5 <= link.phase_age < 4.5
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
    assert link.pulse_age < 5
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


# --- The server itself -----------------------------------------------------------------------------------------------


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
