"""What a warm session saves and costs, each figure against a peer in the same run: a table, and JSON for machines.

    python -m tests.benchmarks.browsers [--rounds N] [--soak TESTS] [--json FILE]

Not a test: nothing fails here. Times are this machine's; the ratios are what the targets are about.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import redis

from breakers import CircuitBreakerRegistry
from jobs.browsers.page_server import PageServer
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.browsers.wear import own_bytes
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import Measurement, Platform, TestSpec
from recovery import Adjustments, BrowserType
from tests.benchmarks import contexts
from tests.benchmarks.lines import tell
from tests.browser.plain_browsers import plain_browser
from tests.conftest import RedisServer

MODEL = "bert-base-uncased"
CIRCUITS = ("browser:chrome", "worker:w1", "task:text")
WARM_RUNS = 40


class Figure(NamedTuple):
    """One line of the table."""

    what: str
    value: float
    unit: str
    target: str = ""


def warm_test(pool: SessionPool, registry: CircuitBreakerRegistry) -> tuple[float, Measurement]:
    """One test as a worker runs it, guarded, in a warm session; its seconds and what it measured."""
    spec = TestSpec(
        id="test", browser=BrowserType.CHROME, model=MODEL, model_type=catalogue()[MODEL].type, platform=Platform.WASM
    )
    began = time.perf_counter()
    with registry.guard(*CIRCUITS):
        measurement = run_test(spec, 1, BrowserType.CHROME, Adjustments(), pool, lambda: False)
    return time.perf_counter() - began, measurement


def cold_seconds(server: PageServer) -> float:
    """The least that a launch per test costs with plain Selenium: launch, load the page, quit. No model is run yet."""
    link = server.open_link()
    began = time.perf_counter()
    with plain_browser("chromium") as (driver, _):
        driver.get(link.page_url)
        link.wait_hello(60)
    seconds = time.perf_counter() - began
    link.close()
    return seconds


def page_ms(measurement: Measurement) -> float:
    """Milliseconds that the page itself worked: load, first run, further runs."""
    return measurement.load_ms + measurement.compile_ms + measurement.runs * measurement.run_ms_p50


def figures(rounds: int, soak: int) -> Iterator[Figure]:
    """Measure in turns: a launch, then warm tests, so that a noisy moment meets both."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder, PageServer() as server:
        store = RedisServer(Path(folder))
        store.start()
        registry = CircuitBreakerRegistry(redis.Redis.from_url(store.url))
        pool = SessionPool(Settings(scratch_dir=Path(folder), recycle_after_tests=1_000_000))
        try:
            warm_test(pool, registry)
            ratios, colds, warms, overheads = [], [], [], []
            for _ in range(rounds):
                cold = cold_seconds(server)
                turn = [warm_test(pool, registry) for _ in range(WARM_RUNS)]
                warm = statistics.median(seconds for seconds, _ in turn)
                colds.append(cold)
                warms.append(warm)
                ratios.append(cold / warm)
                overheads += [seconds * 1e3 - page_ms(measured) for seconds, measured in turn]
            yield Figure("a launch per test, plain Selenium", statistics.median(colds) * 1e3, "ms")
            yield Figure("a warm test, guarded", statistics.median(warms) * 1e3, "ms")
            yield Figure("launch per test / warm test", statistics.median(ratios), "×", "≥ 50")
            yield Figure("a warm test's time beyond the page's own, p50", statistics.median(overheads), "ms", "≤ 15")
            yield from of_contexts(Settings(scratch_dir=Path(folder)), pool, server, rounds)
            if soak:
                yield from memory(pool, registry, soak)
        finally:
            pool.close()
            registry.close()
            store.stop()


def of_contexts(config: Settings, pool: SessionPool, server: PageServer, rounds: int) -> Iterator[Figure]:
    """A context for each test, tests back to back: with nothing to do in it, then with a small model's inference."""
    peer, own = contexts.measure(config, pool, server, rounds, contexts.nothing)
    yield Figure("Playwright, nothing to do: newContext, newPage, goto", peer.open_ms, "ms")
    yield Figure("Playwright, nothing to do: the context's end", peer.close_ms, "ms")
    yield Figure("isolation context, nothing to do: until it is loaded", own.open_ms, "ms")
    yield Figure("isolation context, nothing to do: its end", own.close_ms, "ms")
    yield Figure("newContext + goto / isolation context", peer.open_ms / own.open_ms, "×", "≥ 2")
    yield Figure("the same, with their ends", peer.whole_ms / own.whole_ms, "×")
    peer, own = contexts.measure(config, pool, server, rounds, contexts.inference)
    yield Figure("Playwright, with an inference: newContext, newPage, goto", peer.open_ms, "ms")
    yield Figure("isolation context, with an inference: until it is loaded", own.open_ms, "ms")
    yield Figure("newContext + goto / isolation context, with an inference", peer.open_ms / own.open_ms, "×", "≥ 2")
    yield Figure("Playwright, with an inference: the whole test", peer.whole_ms, "ms")
    yield Figure("isolation context, with an inference: the whole test", own.whole_ms, "ms")


def memory(pool: SessionPool, registry: CircuitBreakerRegistry, tests: int) -> Iterator[Figure]:
    """Bytes of the session's processes after the first 200 tests, and after all of them."""
    assert pool.session is not None
    sizes = []
    for number in range(1, tests + 1):
        warm_test(pool, registry)
        if number in {200, tests}:
            sizes.append((own_bytes(pool.session.members()) or 0) / 1024 / 1024)
    yield Figure("own memory of the session after 200 tests", sizes[0], "MB")
    yield Figure(f"own memory of the session after {tests:,} tests", sizes[-1], "MB")
    yield Figure("growth", 100 * (sizes[-1] / sizes[0] - 1), "%", "≤ 5")


def shown(figure: Figure) -> str:
    """As it is printed."""
    return f"{figure.what:58} {figure.value:10.1f} {figure.unit:3} {figure.target}"


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--soak", type=int, default=0, help="tests of the soak; 0: none, else at least 400")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    if not contexts.PEER.is_dir():
        parser.error("Playwright, the peer, is not there: run `make tests/node/node_modules/.ready`")
    tell(figures(arguments.rounds, arguments.soak), shown, arguments.json)


if __name__ == "__main__":
    main()
