"""Remote browsers: a chromedriver of another's behind a proxy with a password, at another port or in another net."""

from __future__ import annotations

import base64
import logging
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest
from pydantic import SecretStr, ValidationError

from jobs.browsers.failures import TestFailure
from jobs.browsers.finding import installed_browsers, launch_for
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.ports import free_port
from jobs.processes import OwnedProcess
from jobs.scratch import ScratchFolder
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Measurement, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, FailureType, categorize_browser_failure
from recovery.failures import LaunchFailure, TimeoutFailure
from tests.browser.owners import wait_until

MODEL = "bert-base-uncased"
PASSWORD = "gehe!m/word"  # noqa: S105
# Asks for the password, then passes everything on: what a Grid behind a reverse proxy does.
PROXY = """
import asyncio, sys
async def pipe(reader, writer):
    try:
        while data := await reader.read(65536):
            writer.write(data); await writer.drain()
    except OSError: pass
    finally: writer.close()
async def serve(reader, writer):
    head = await reader.readuntil(b"\\r\\n\\r\\n")
    if sys.argv[3].encode() not in head:
        writer.write(b"HTTP/1.1 401 Unauthorized\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        return writer.close()
    to_reader, to_writer = await asyncio.open_connection("127.0.0.1", int(sys.argv[2]))
    to_writer.write(head)
    await asyncio.gather(pipe(reader, to_writer), pipe(to_reader, writer))
async def main():
    async with await asyncio.start_server(serve, sys.argv[4], int(sys.argv[1])) as server:
        print("serving", flush=True); await server.serve_forever()
asyncio.run(main())
"""


@dataclass(frozen=True)
class Place:
    """Where it runs, and the addresses by which it and we are reached from the other side."""

    within: tuple[str, ...]
    theirs: str
    ours: str


class Elsewhere:
    """A chromedriver of another's, and a proxy before it."""

    def __init__(self, root: Path, place: Place) -> None:
        self.place = place
        chromedriver = shutil.which("chromedriver")
        assert chromedriver is not None, "run `make setup`"
        port, self.port = free_port(), free_port()
        token = base64.b64encode(f"user:{PASSWORD}".encode()).decode()
        self.driver = OwnedProcess(
            [*place.within, chromedriver, f"--port={port}", "--allowed-ips="], scratch=ScratchFolder(root)
        )
        self.proxy = OwnedProcess(
            [*place.within, "python3", "-c", PROXY, str(self.port), str(port), token, place.theirs],
            scratch=ScratchFolder(root),
        )
        self.driver.start()
        self.proxy.start()
        wait_until(lambda: "successfully" in self.driver.log_tail(), "chromedriver listens")
        wait_until(lambda: "serving" in self.proxy.log_tail(), "the proxy listens")

    @property
    def url(self) -> str:
        return f"http://user:{PASSWORD.replace('/', '%2F')}@{self.place.theirs}:{self.port}"

    def browsers(self) -> list[psutil.Process]:
        """Main processes of the browsers that run there; its driver leaves dead ones unreaped."""
        found = []
        for member in self.driver.members():
            with suppress(psutil.NoSuchProcess):
                if member.name() in {"chromium", "chrome"} and "--type=" not in " ".join(member.cmdline()):
                    found.append(member)
        return found

    def stop(self) -> None:
        self.proxy.stop()
        self.driver.stop()


def own_address() -> str:
    """The address of this machine's that its route to the world has; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        return str(probe.getsockname()[0])


@contextmanager
def another_network() -> Iterator[Place]:
    """A network namespace, with a cable to ours."""
    name, ours, theirs = f"bw{os.getpid()}", "10.213.7.1", "10.213.7.2"
    there = ("-n", name)
    try:
        for arguments in (
            ("netns", "add", name),
            ("link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", name),
            ("address", "add", f"{ours}/30", "dev", name),
            ("link", "set", name, "up"),
            (*there, "address", "add", f"{theirs}/30", "dev", "eth0"),
            (*there, "link", "set", "eth0", "up"),
            (*there, "link", "set", "lo", "up"),
        ):
            done = subprocess.run(["ip", *arguments], check=False, capture_output=True, text=True, timeout=10)
            if done.returncode:
                pytest.skip(f"no other network can be made here: {done.stderr.strip()}")
        yield Place(("ip", "netns", "exec", name), theirs, ours)
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=False, capture_output=True, timeout=10)


@pytest.fixture(scope="module", params=["another port", pytest.param("another network", marks=pytest.mark.night)])
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    if request.param == "another port":
        yield Place((), "127.0.0.1", own_address())
        return
    with another_network() as made:
        yield made


@pytest.fixture(scope="module")
def elsewhere(place: Place) -> Iterator[Elsewhere]:
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        there = Elsewhere(Path(folder), place)
        yield there
        there.stop()


@pytest.fixture(scope="module")
def pool(elsewhere: Elsewhere) -> Iterator[SessionPool]:
    """The page is served at this machine's outer address: what a browser on another machine would ask for."""
    config = Settings(
        remote_url_chrome=SecretStr(elsewhere.url),
        remote_capabilities={"goog:chromeOptions": {"args": ["--no-sandbox"]}},
        page_host="0.0.0.0",  # noqa: S104
        page_url=f"http://{elsewhere.place.ours}:{{port}}",
        gpu="software",
    )
    pool = SessionPool(config)
    yield pool
    pool.close()
    wait_until(lambda: not elsewhere.browsers(), "the remote session is ended")


def run(
    pool: SessionPool, platform: Platform, *faults: FaultKind, should_stop: Callable[[], bool] = lambda: False
) -> Measurement:
    spec = TestSpec(
        id="test", browser=BrowserType.CHROME, model=MODEL, model_type=catalogue()[MODEL].type, platform=platform,
        timeout=180, faults=tuple(FaultSpec(kind=kind) for kind in faults),
    )  # fmt: skip
    return run_test(spec, 1, BrowserType.CHROME, Adjustments(), pool, should_stop)


@pytest.mark.parametrize("platform", [Platform.WASM, Platform.WEBGPU])
def test_the_same_tests_run_there_and_stay_warm(pool: SessionPool, platform: Platform) -> None:
    result = run(pool, platform)
    session = pool.session
    assert result.backend is platform
    assert result.max_abs_error <= result.tolerance
    run(pool, platform)
    assert pool.session is session
    assert session is not None
    assert session.capabilities().cross_origin_isolated


def test_a_browser_that_dies_there_is_seen_and_a_new_one_is_started(pool: SessionPool, elsewhere: Elsewhere) -> None:
    run(pool, Platform.WASM)
    session = pool.session
    assert session is not None
    began, looks = time.monotonic(), 0

    def kill_at_the_third_look() -> bool:
        """Asked while the page waits for a model that the stalled server never gives it."""
        nonlocal looks
        looks += 1
        if looks == 3:
            for browser in elsewhere.browsers():
                browser.kill()
        return False

    with pytest.raises(BrowserFailure) as caught:
        run(pool, Platform.WASM, FaultKind.ASSET_STALLED, should_stop=kill_at_the_third_look)
    assert time.monotonic() - began < 90
    seen = categorize_browser_failure(caught.value, {})
    # Its processes can't be seen from here: a driver that says only that the session is gone may have ended it itself.
    assert seen.failure_type in {FailureType.CRASH, FailureType.CONNECTION_FAILURE}, seen
    assert run(pool, Platform.WASM).backend is Platform.WASM
    assert pool.session is not session


def test_a_hung_page_there_is_seen_by_its_pulse(pool: SessionPool) -> None:
    with pytest.raises(TimeoutFailure) as caught:
        run(pool, Platform.WASM, FaultKind.PAGE_HUNG)
    assert caught.value.evidence.budget_spent is None
    run(pool, Platform.WASM)


def test_a_fault_that_can_not_be_injected_there_is_not_passed_over(pool: SessionPool) -> None:
    with pytest.raises(TestFailure, match="browser_killed can't be injected: chrome is remote"):
        run(pool, Platform.WASM, FaultKind.BROWSER_KILLED)


def test_no_log_message_or_artefact_holds_the_password(
    elsewhere: Elsewhere, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    told: list[str] = []
    wrong = elsewhere.url.replace("user:", "nobody:")
    for url in (elsewhere.url, wrong, elsewhere.url.replace(str(elsewhere.port), "1")):
        config = Settings(remote_url_chrome=SecretStr(url), page_url=f"http://{elsewhere.place.ours}:1", gpu="software")
        assert BrowserType.CHROME in installed_browsers(config)
        told += [repr(config), str(config), repr(launch_for(BrowserType.CHROME, config, Adjustments()))]
        pool = SessionPool(config)
        try:
            pool.begin_attempt()
            with pytest.raises(BrowserFailure) as caught:
                # Without --no-sandbox, which as root even the right password doesn't help.
                pool.session_for(BrowserType.CHROME, Adjustments())
            told += [str(caught.value), repr(caught.value.__cause__), caught.value.evidence.model_dump_json()]
            told += [content.decode(errors="replace") for content in pool.artefacts({}).values()]
        finally:
            pool.close()
    monkeypatch.setenv("BREAKWATER_REMOTE_URL_CHROME", "ftp://user:geheim@host/")
    with pytest.raises(ValidationError):
        Settings()
    everything = "\n".join([*told, caplog.text])
    assert caplog.text
    for secret in (PASSWORD, PASSWORD.replace("/", "%2F"), base64.b64encode(PASSWORD.encode()).decode()[:-4]):
        assert secret not in everything


def test_a_remote_that_could_not_reach_the_page_is_told_before_anything_starts() -> None:
    config = Settings(remote_url_chrome=SecretStr("https://grid.example/wd/hub"))
    with pytest.raises(LaunchFailure, match=re.escape("set BREAKWATER_PAGE_HOST and BREAKWATER_PAGE_URL")):
        launch_for(BrowserType.CHROME, config, Adjustments())


def test_a_remote_that_is_away_is_a_launch_failure() -> None:
    pool = SessionPool(Settings(remote_url_chrome=SecretStr(f"http://127.0.0.1:{free_port()}")))
    with pytest.raises(LaunchFailure):
        pool.session_for(BrowserType.CHROME, Adjustments())
    pool.close()
