"""What the dashboard costs, with 1,000 circuits and 50 changes a second: ``python -m tests.benchmarks.dashboard``.

Measured: frames a second of the page in Chromium (requestAnimationFrame) beside those of an empty page; how late a
change is on the screen; Flower's own /workers beside a Flower that never heard of us, in turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import redis
from selenium import webdriver
from selenium.webdriver.remote.webdriver import WebDriver

from breakers import CircuitBreakerRegistry
from tests.browser.plain_browsers import CHROMIUM_FLAGS, found
from tests.conftest import RedisServer
from tests.flowers import Flower

CIRCUITS, CHANGES = 1000, 50
REQUESTS = 150

# Times of frames for so many milliseconds.
_FRAMES = """
const [length, done] = arguments; const times = [];
const frame = (at) => { times.push(at); at - times[0] < length ? requestAnimationFrame(frame) : done(times); };
requestAnimationFrame(frame);
"""
# How late a change of state is on the screen: Unix time of its row's appearance, by the circuit's name.
_LATENESS = """
const [length, done] = arguments; const seen = {};
const watch = new MutationObserver((records) => {
  for (const record of records) for (const node of record.addedNodes)
    if (node.dataset?.transition) seen[node.dataset.transition] = Date.now();
});
watch.observe(document.querySelector('.bw-timeline'), { childList: true });
setTimeout(() => { watch.disconnect(); done(seen); }, length);
"""


class Changes:
    """Changes circuits, evenly spread over time, until it is stopped."""

    def __init__(self, registry: CircuitBreakerRegistry, names: list[str]) -> None:
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(registry, names), daemon=True)
        self._thread.start()

    def _run(self, registry: CircuitBreakerRegistry, names: list[str]) -> None:
        down: set[str] = set()
        due = time.monotonic()
        while not self._stop.wait(max(0.0, due - time.monotonic())):
            due += 1 / CHANGES
            name = random.choice(names)
            (registry.reset if name in down else registry.force_open)(name, reason="a benchmark")
            down ^= {name}

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)


def chromium() -> WebDriver:
    options = webdriver.ChromeOptions()
    options.binary_location = found("chromium", "google-chrome", "chrome")
    for flag in (*CHROMIUM_FLAGS, "--window-size=1440,900"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options, webdriver.ChromeService(found("chromedriver")))
    driver.set_script_timeout(120)
    return driver


def frames(driver: WebDriver, seconds: float) -> dict[str, float]:
    times: list[float] = driver.execute_async_script(_FRAMES, seconds * 1000)
    gaps = [after - before for before, after in itertools.pairwise(times)]
    return {
        "fps": round(1000 * len(gaps) / (times[-1] - times[0]), 1),
        "gap_ms_p95": round(statistics.quantiles(gaps, n=20)[-1], 1),
        "gap_ms_max": round(max(gaps), 1),
    }


def page_times(flowers: dict[str, Flower]) -> dict[str, list[float]]:
    """Milliseconds of /workers, asked in turns."""
    times: dict[str, list[float]] = {name: [] for name in flowers}
    for _ in range(REQUESTS):
        for name, flower in flowers.items():
            started = time.perf_counter()
            flower.get("/workers")
            times[name].append(1000 * (time.perf_counter() - started))
    return times


def measure(seconds: float, folder: Path) -> dict[str, Any]:
    server = RedisServer(folder)
    server.start()
    registry = CircuitBreakerRegistry(redis.Redis.from_url(server.url))
    names = [
        "browser:chrome",
        "browser:firefox",
        *(f"task:t{n}" for n in range(8)),
        *(f"worker:w{n}" for n in range(CIRCUITS - 10)),
    ]
    for name in names:
        for _ in range(8):
            registry.get(name).call(int)
    (folder / "empty").mkdir()
    (folder / "empty" / "flowerconfig.py").write_text('address = "127.0.0.1"\n')
    ours, plain = Flower(server.url, folder), Flower(server.url, folder / "empty")
    driver = chromium()
    changes = None
    try:
        driver.get("about:blank")
        result: dict[str, Any] = {"empty page": frames(driver, seconds)}
        driver.get(f"{ours.url}/circuits")
        deadline = time.monotonic() + 60
        while len(driver.find_elements("css selector", ".bw-tile")) < CIRCUITS:
            assert time.monotonic() < deadline, "the tiles did not come"
        result["page, nothing happens"] = frames(driver, seconds)
        changes = Changes(registry, names)
        time.sleep(2)
        result["page, 50 changes a second"] = frames(driver, seconds)
        seen: dict[str, float] = driver.execute_async_script(_LATENESS, seconds * 1000)
        late = sorted(at - int(event.partition("-")[0]) for event, at in seen.items())
        result["change on the screen"] = {
            "changes": len(late), "ms_p50": late[len(late) // 2], "ms_p99": late[int(len(late) * 0.99)],
            "ms_max": late[-1],
        }  # fmt: skip
        times = page_times({"ours": ours, "plain": plain})
        medians = {name: statistics.median(one) for name, one in times.items()}
        tails = {name: statistics.quantiles(one, n=20)[-1] for name, one in times.items()}
        result["Flower's /workers"] = {
            "ms_p50": round(medians["ours"], 1), "plain_ms_p50": round(medians["plain"], 1),
            "ratio_p50": round(medians["ours"] / medians["plain"], 2),
            "ratio_p95": round(tails["ours"] / tails["plain"], 2),
        }  # fmt: skip
        return result
    finally:
        if changes is not None:
            changes.stop()
        driver.quit()
        ours.stop()
        plain.stop()
        registry.close()
        server.stop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="of each measurement")
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bwd") as folder:
        result = measure(arguments.seconds, Path(folder))
    for name, figures in result.items():
        sys.stdout.write(f"{name:28} {'  '.join(f'{key} {value}' for key, value in figures.items())}\n")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
