"""From nothing to a test's result: with a profile that the browser makes anew, and with a prepared one. In turns.

    python -m tests.benchmarks.launches [--browser B]… [--platform P]… [--rounds N] [--json FILE]

Not a test: nothing fails here.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jobs.browsers.pool import SessionPool
from jobs.browsers.preparing import prepare
from jobs.browsers.runner import run_test
from jobs.settings import Settings
from jobs.specs import Platform, TestSpec
from recovery import Adjustments, BrowserType, ModelType
from tests.benchmarks.lines import tell

MODEL = "bert-base-uncased"


class Line(NamedTuple):
    """Medians, in seconds: until the harness was loaded, until the first result."""

    browser: str
    platform: str
    profile: str
    loaded: float
    result: float


def launched(config: Settings, browser: BrowserType, platform: Platform) -> tuple[float, float]:
    """One launch and its first test."""
    spec = TestSpec(id="test", browser=browser, model=MODEL, model_type=ModelType.TEXT, platform=platform, timeout=120)
    pool = SessionPool(config)
    try:
        began = time.perf_counter()
        pool.session_for(browser, Adjustments(), model_type=ModelType.TEXT)
        loaded = time.perf_counter() - began
        run_test(spec, 1, browser, Adjustments(), pool, lambda: False)
        return loaded, time.perf_counter() - began
    finally:
        pool.close()


def lines(browsers: Sequence[BrowserType], platforms: Sequence[Platform], rounds: int) -> Iterator[Line]:
    """Measure both in turns, so that a noisy moment meets both."""
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        kept = Path(folder) / "kept"
        new = Settings(scratch_dir=Path(folder))
        copied = Settings(scratch_dir=Path(folder), profiles_dir=kept)
        for browser in browsers:
            began = time.perf_counter()
            prepare(browser, ModelType.TEXT, new, kept)
            print(f"{browser.value}: prepared in {time.perf_counter() - began:.1f} s", flush=True)
            for platform in platforms:
                turns = [(launched(new, browser, platform), launched(copied, browser, platform)) for _ in range(rounds)]
                for name, seen in (("new", [turn[0] for turn in turns]), ("prepared", [turn[1] for turn in turns])):
                    loaded, result = (statistics.median(times) for times in zip(*seen, strict=True))
                    yield Line(browser.value, platform.value, name, loaded, result)


def shown(line: Line) -> str:
    """As it is printed."""
    return (
        f"{line.browser:8} {line.platform:7} profile {line.profile:9} loaded {line.loaded:5.2f} s, "
        f"first result {line.result:5.2f} s"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", action="append", type=BrowserType)
    parser.add_argument("--platform", action="append", type=Platform)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    browsers = arguments.browser or [BrowserType.CHROME, BrowserType.FIREFOX]
    platforms = arguments.platform or [Platform.WASM, Platform.WEBGPU]
    tell(lines(browsers, platforms, arguments.rounds), shown, arguments.json)


if __name__ == "__main__":
    main()
