"""What is told of each part that dies or hangs, and how soon: a table, and JSON for machines.

    python -m tests.benchmarks.watching [--browser B]… [--rounds N] [--json FILE]

Not a test: nothing fails here. On an overloaded machine a hang is told later, as the living are late there too.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from jobs.browsers.faults import is_possible
from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import Fault, PagePhase
from jobs.browsers.runner import run_test
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, ModelType
from tests.benchmarks.lines import tell

CRASH, HANG = 0.5, 2.0
STRUCK: dict[FaultKind, float] = {
    FaultKind.BROWSER_KILLED: CRASH,
    FaultKind.RENDERER_KILLED: CRASH,
    FaultKind.GPU_PROCESS_KILLED: CRASH,
    FaultKind.DRIVER_KILLED: CRASH,
    FaultKind.BROWSER_STOPPED: HANG,
    FaultKind.RENDERER_STOPPED: HANG,
    FaultKind.GPU_PROCESS_STOPPED: HANG,
    FaultKind.DRIVER_STOPPED: HANG,
    FaultKind.PAGE_HUNG: HANG,
    FaultKind.ASSET_STALLED: HANG,
}
PHASES = (PagePhase.CREATE, PagePhase.COMPILE, PagePhase.RUN)


class Line(NamedTuple):
    """One line of the table; seconds."""

    browser: str
    what: str
    told: str
    median: float
    longest: float
    goal: float


def told(pool: SessionPool, browser: BrowserType, kind: FaultKind | None, phase: PagePhase | None) -> tuple[str, float]:
    """What a test that suffers this ends with, and how many seconds after the strike."""
    platform = Platform.WASM if kind is None or is_possible(kind, browser, Platform.WASM) else Platform.WEBGPU
    spec = TestSpec(
        id="test", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=platform,
        faults=() if kind is None else (FaultSpec(kind=kind),),
    )  # fmt: skip
    warm = spec.model_copy(update={"faults": ()})
    run_test(warm, 1, browser, Adjustments(), pool, lambda: False)
    if phase is not None:
        pool.session_for(browser, Adjustments()).link.send(Fault(kind="hang", phase=phase))
    pool.begin_attempt()
    try:
        run_test(spec, 1, browser, Adjustments(), pool, lambda: False)
    except BrowserFailure as failure:
        if phase is not None:  # it hangs since its last pulse
            return f"{failure.failure_type.value}: {failure}", failure.evidence.pulse_age or 0.0
        assert pool.struck_at is not None
        return f"{failure.failure_type.value}: {failure}", time.monotonic() - pool.struck_at
    raise AssertionError(f"{kind or phase} was not seen in {browser.value}")


def lines(browsers: Sequence[BrowserType], rounds: int) -> Iterator[Line]:
    """Strike each part in each browser."""
    strikes: list[tuple[FaultKind | None, PagePhase | None]] = [(kind, None) for kind in STRUCK]
    strikes += [(None, phase) for phase in PHASES]
    for browser in browsers:
        with tempfile.TemporaryDirectory(prefix="bw") as folder:
            pool = SessionPool(Settings(scratch_dir=Path(folder)))
            try:
                for kind, phase in strikes:
                    if kind is not None and not is_possible(kind, browser, Platform.WEBGPU):
                        continue
                    seen = [told(pool, browser, kind, phase) for _ in range(rounds)]
                    seconds = [one for _, one in seen]
                    what = kind.value if kind else f"endless script in the phase {phase.value if phase else ''}"
                    yield Line(
                        browser.value, what, seen[-1][0], statistics.median(seconds), max(seconds),
                        STRUCK[kind] if kind else HANG,
                    )  # fmt: skip
            finally:
                pool.close()


def shown(line: Line) -> str:
    """As it is printed."""
    return (
        f"{line.browser:8} {line.what:36} {line.median:6.2f} s (longest {line.longest:5.2f}, goal {line.goal:.1f})"
        f"  {line.told[:70]}"
    )


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--browser", action="append", type=BrowserType)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    browsers = arguments.browser or [BrowserType.CHROME, BrowserType.FIREFOX]
    tell(lines(browsers, arguments.rounds), shown, arguments.json)


if __name__ == "__main__":
    main()
