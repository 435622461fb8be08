"""Every fault, injected for real in real browsers: seen, in time, and told apart by its category."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.browsers.faults import is_possible
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, FailureInfo, FailureType, categorize_browser_failure
from tests.browser.owners import scratch_root

MODEL = "bert-base-uncased"
# Seconds in which even a busy machine must have seen it. (What a calm one takes, the benchmark measures.)
SEEN_WITHIN = 20.0

EXPECTED = {
    FaultKind.BINARY_MISSING: FailureType.LAUNCH_FAILURE,
    FaultKind.BINARY_BROKEN: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_MISSING: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_BROKEN: FailureType.LAUNCH_FAILURE,
    FaultKind.DRIVER_WRONG: FailureType.LAUNCH_FAILURE,
    FaultKind.DISK_FULL: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.NO_ADAPTER: FailureType.GPU_ERROR,
    FaultKind.API_MISSING: FailureType.API_ERROR,
    FaultKind.BROWSER_KILLED: FailureType.CRASH,
    FaultKind.RENDERER_KILLED: FailureType.CRASH,
    FaultKind.GPU_PROCESS_KILLED: FailureType.GPU_ERROR,
    FaultKind.DRIVER_KILLED: FailureType.CONNECTION_FAILURE,
    FaultKind.BROWSER_STOPPED: FailureType.TIMEOUT,
    FaultKind.RENDERER_STOPPED: FailureType.TIMEOUT,
    FaultKind.DRIVER_STOPPED: FailureType.CONNECTION_FAILURE,
    FaultKind.WINDOW_CLOSED: FailureType.CONNECTION_FAILURE,
    FaultKind.SOCKET_DROPPED: FailureType.CONNECTION_FAILURE,
    FaultKind.PAGE_HUNG: FailureType.TIMEOUT,
    FaultKind.PAGE_GARBLED: FailureType.INTERNAL_ERROR,
    FaultKind.PAGE_MEMORY: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.WASM_MEMORY: FailureType.RESOURCE_EXHAUSTION,
    FaultKind.DEVICE_LOST: FailureType.GPU_ERROR,
    FaultKind.ASSET_STALLED: FailureType.TIMEOUT,
}
ON_GPU = {kind for kind in FaultKind if not is_possible(kind, BrowserType.CHROME, Platform.WASM)}
# Those that the same session is renewed after, in place (level 1).
RENEWABLE = {FaultKind.RENDERER_STOPPED, FaultKind.PAGE_HUNG, FaultKind.ASSET_STALLED}

Suffer = Callable[[FaultKind], FailureInfo]


@pytest.fixture(scope="module", params=[BrowserType.CHROME, BrowserType.FIREFOX])
def browser(request: pytest.FixtureRequest) -> BrowserType:
    return BrowserType(request.param)


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    with scratch_root() as folder:
        yield folder


@pytest.fixture(scope="module")
def pool(root: Path, browser: BrowserType) -> Iterator[SessionPool]:
    """One browser's sessions; in the end nothing of them may be left."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    pool = SessionPool(Settings(scratch_dir=root))
    yield pool
    pool.close()
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert not list(root.iterdir())


def spec(browser: BrowserType, platform: Platform, *kinds: FaultKind) -> TestSpec:
    return TestSpec(
        id="test", browser=browser, model=MODEL, model_type=catalogue()[MODEL].type, platform=platform,
        timeout=2 if FaultKind.ASSET_STALLED in kinds else 60, faults=tuple(FaultSpec(kind=kind) for kind in kinds),
    )  # fmt: skip


@pytest.mark.parametrize("kind", FaultKind)
def test_it_is_seen_and_told_apart(kind: FaultKind, pool: SessionPool, browser: BrowserType) -> None:
    platform = Platform.WEBGPU if kind in ON_GPU else Platform.WASM
    if not is_possible(kind, browser, platform):
        pytest.skip(f"{browser.value} has no such part")
    pool.begin_attempt()
    with pytest.raises(BrowserFailure) as caught:
        run_test(spec(browser, platform, kind), 1, browser, Adjustments(), pool, lambda: False)
    assert pool.struck_at is not None
    seen = categorize_browser_failure(caught.value, caught.value.evidence)
    assert seen.failure_type is EXPECTED[kind], seen
    assert seen.evidence.budget_spent is (True if kind is FaultKind.ASSET_STALLED else None)
    assert time.monotonic() - pool.struck_at < SEEN_WITHIN
    session = pool.session
    if kind in RENEWABLE:
        pool.renew()
        assert pool.session_for(browser, Adjustments()) is session
    elif session is not None and kind is not FaultKind.NO_ADAPTER:
        assert not session.is_well()


def test_afterwards_all_is_well_again(pool: SessionPool, browser: BrowserType) -> None:
    assert run_test(spec(browser, Platform.WEBGPU), 1, browser, Adjustments(), pool, lambda: False).backend == "webgpu"


def test_a_fault_that_a_test_can_not_suffer_is_not_injected(pool: SessionPool, browser: BrowserType) -> None:
    pool.begin_attempt()
    run_test(spec(browser, Platform.WASM, *ON_GPU), 1, browser, Adjustments(), pool, lambda: False)
    assert pool.struck_at is None
