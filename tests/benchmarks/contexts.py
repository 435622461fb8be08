"""A fresh profile with the loaded harness in it, for each test: ours against Playwright's, in the same Chromium.

Blocks of tests back to back, first Playwright's, then ours, and so on: nothing of ours loads in Playwright's time.
"""

from __future__ import annotations

import itertools
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from jobs.browsers.finding import launch_for
from jobs.browsers.isolation import own_harness
from jobs.browsers.page_link import PageLink
from jobs.browsers.page_server import PageServer
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import ModelPart, PageError, Result, Run
from jobs.browsers.runner import RUNS
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import catalogue
from jobs.models.inputs import make_inputs
from jobs.page.generate import node
from jobs.settings import Settings
from jobs.specs import Isolation, Platform
from recovery import Adjustments, BrowserType
from tests.farms import ROOT

SCRIPT = ROOT / "tests" / "node" / "contexts.mjs"
PEER = SCRIPT.with_name("node_modules") / "playwright-core"
MODEL = "bert-base-uncased"
# Tests of one block.
TURNS = 6


class Turn(NamedTuple):
    """Milliseconds of one test: until its page was loaded, of its work there, and until it was let go."""

    open_ms: float
    work_ms: float
    close_ms: float

    @property
    def whole_ms(self) -> float:
        """From the end of the test before to its own."""
        return sum(self)


@contextmanager
def playwright(config: Settings) -> Iterator[subprocess.Popen[str]]:
    """Playwright with the same program, launched as Playwright does it."""
    options = launch_for(BrowserType.CHROME, config, Adjustments()).options
    process = subprocess.Popen(
        [node(), str(SCRIPT), options.binary_location, *set(options.arguments) & {"--no-sandbox"}],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.communicate(timeout=20)  # the end of its input is its end


def theirs(process: subprocess.Popen[str], server: PageServer, work: Callable[[PageLink], None]) -> Turn:
    """One test in a context of Playwright's."""

    def ask(line: str) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        assert process.stdout.readline()

    link = server.open_link()
    began = time.perf_counter()
    ask(link.page_url)
    opened = time.perf_counter()
    work(link)
    worked = time.perf_counter()
    ask("close")
    closed = time.perf_counter()
    link.close()
    return _turn(began, opened, worked, closed)


def ours(pool: SessionPool, work: Callable[[PageLink], None]) -> Turn:
    """One in a context of ours, as a test with isolation ``context`` gets it: the harness has said hello."""
    session = pool.session_for(BrowserType.CHROME, Adjustments())
    began = time.perf_counter()
    with own_harness(session, Isolation.CONTEXT):
        opened = time.perf_counter()
        work(session.link)
        worked = time.perf_counter()
    return _turn(began, opened, worked, time.perf_counter())


def _turn(*moments: float) -> Turn:
    return Turn(*((after - before) * 1e3 for before, after in itertools.pairwise(moments)))


def nothing(link: PageLink) -> None:
    """The harshest work: the next context has no time to load."""


def inference(link: PageLink) -> None:
    """A small model on wasm, as a test runs it; its outputs are compared with nothing."""
    entry = catalogue()[MODEL]
    if link.phase is None:  # Playwright's goto does not wait for it
        link.wait_hello(30)
    link.send(
        Run(
            id="run",
            parts=tuple(ModelPart(name=part.name, url=link.offer(part.path)) for part in entry.parts),
            platform=Platform.WASM,
            inputs=tuple(Tensor.from_array(name, array) for name, array in make_inputs(entry).items()),
            runs=RUNS,
        )
    )
    deadline = time.monotonic() + 60
    while not isinstance(answer := link.receive(1.0), Result):
        if isinstance(answer, PageError) or link.lost_age is not None or time.monotonic() > deadline:
            raise RuntimeError(f"no result: {answer!r}; {link.take_logs()}; {link.talk()}")


def measure(
    config: Settings, pool: SessionPool, server: PageServer, rounds: int, work: Callable[[PageLink], None]
) -> tuple[Turn, Turn]:
    """The means of a test's parts, Playwright's and ours. The first of a block of ours had nothing prepared."""
    peer: list[Turn] = []
    own: list[Turn] = []
    with playwright(config) as process:
        theirs(process, server, work)
        ours(pool, work)
        for _ in range(rounds):
            _drop_prepared(pool)
            peer += [theirs(process, server, work) for _ in range(TURNS)]
            own += [ours(pool, work) for _ in range(TURNS)]
    return _mean(peer), _mean(own)


def _drop_prepared(pool: SessionPool) -> None:
    contexts = pool.session.contexts if pool.session else None
    if contexts is not None:
        contexts.drop()


def _mean(turns: Sequence[Turn]) -> Turn:
    return Turn(*(statistics.mean(parts) for parts in zip(*turns, strict=True)))
