"""A fresh profile with the loaded harness in it, for each test: ours against Playwright's, in the same Chromium."""

from __future__ import annotations

import json
import statistics
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from jobs.browsers.finding import launch_for
from jobs.browsers.isolation import own_harness
from jobs.browsers.page_server import PageServer
from jobs.browsers.pool import SessionPool
from jobs.page.generate import node
from jobs.settings import Settings
from jobs.specs import Isolation
from recovery import Adjustments, BrowserType
from tests.farms import ROOT

SCRIPT = ROOT / "tests" / "node" / "contexts.mjs"
PEER = SCRIPT.with_name("node_modules") / "playwright-core"


class Turn(NamedTuple):
    """Milliseconds until the page was loaded, and from then until nothing of it was left."""

    open_ms: float
    close_ms: float


@contextmanager
def playwright(config: Settings) -> Iterator[subprocess.Popen[str]]:
    """Playwright with a browser as a session of ours would launch it."""
    options = launch_for(BrowserType.CHROME, config, Adjustments()).options
    process = subprocess.Popen(
        [node(), str(SCRIPT), options.binary_location, *options.arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.communicate(timeout=20)  # the end of its input is its end


def theirs(process: subprocess.Popen[str], server: PageServer) -> Turn:
    """One of Playwright's contexts."""
    assert process.stdin is not None
    assert process.stdout is not None
    link = server.open_link()
    process.stdin.write(f"{link.page_url}\n")
    process.stdin.flush()
    turn = Turn(**json.loads(process.stdout.readline()))
    link.close()
    return turn


def ours(pool: SessionPool) -> Turn:
    """One of ours, as a test with isolation ``context`` gets it: the harness has said hello."""
    session = pool.session_for(BrowserType.CHROME, Adjustments())
    began = time.perf_counter()
    with own_harness(session, Isolation.CONTEXT):
        opened = time.perf_counter()
    return Turn((opened - began) * 1e3, (time.perf_counter() - opened) * 1e3)


def measure(config: Settings, pool: SessionPool, server: PageServer, rounds: int) -> tuple[Turn, Turn]:
    """The medians of both, taken in turns: Playwright's, ours."""
    with playwright(config) as process:
        theirs(process, server)
        ours(pool)
        turns = [(theirs(process, server), ours(pool)) for _ in range(rounds)]
    peer, own = zip(*turns, strict=True)
    return _median(peer), _median(own)


def _median(turns: tuple[Turn, ...]) -> Turn:
    return Turn(statistics.median(turn.open_ms for turn in turns), statistics.median(turn.close_ms for turn in turns))
