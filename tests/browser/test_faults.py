"""Every fault, injected for real in real browsers: seen, in time, and told apart by its category."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from jobs.browsers.faults import CATEGORIES, is_possible
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, adjust, categorize_browser_failure
from tests.browser.owners import scratch_root

MODEL = "bert-base-uncased"
# Seconds in which even a busy machine must have seen it. (What a calm one takes, the benchmark measures.)
SEEN_WITHIN = 60.0
# Seconds that a test has: what is seen by its end only, is seen too late.
TIMEOUT = 240.0

ON_GPU = {kind for kind in FaultKind if not is_possible(kind, BrowserType.CHROME, Platform.WASM)}
# Those that the same session is renewed after, in place (level 1).
_SLOW = {FaultKind.ASSET_SLOW}
RENEWABLE = {FaultKind.RENDERER_STOPPED, FaultKind.PAGE_HUNG, FaultKind.ASSET_STALLED, *_SLOW}

# Faults of the files and folders that a browser is started with: one browser shows them by day.
SAME_EVERYWHERE = {
    FaultKind.BINARY_BROKEN, FaultKind.DRIVER_MISSING, FaultKind.DRIVER_BROKEN, FaultKind.DRIVER_WRONG,
    FaultKind.ASSET_STALLED, FaultKind.ASSET_SLOW, FaultKind.PAGE_GARBLED,
}  # fmt: skip


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
        timeout=2 if _SLOW & set(kinds) else TIMEOUT, faults=tuple(FaultSpec(kind=kind) for kind in kinds),
    )  # fmt: skip


@pytest.mark.parametrize("kind", FaultKind)
def test_it_is_seen_and_told_apart(kind: FaultKind, pool: SessionPool, browser: BrowserType) -> None:
    platform = Platform.WEBGPU if kind in ON_GPU else Platform.WASM
    if not is_possible(kind, browser, platform):
        pytest.skip(f"{browser.value} has no such part")
    if kind in SAME_EVERYWHERE and browser is BrowserType.FIREFOX and not os.environ.get("BREAKWATER_NIGHT"):
        pytest.skip("in Firefox by night")
    pool.begin_attempt()
    with pytest.raises(BrowserFailure) as caught:
        run_test(spec(browser, platform, kind), 1, browser, Adjustments(), pool, lambda: False)
    assert pool.struck_at is not None
    seen = categorize_browser_failure(caught.value, caught.value.evidence)
    assert seen.failure_type is CATEGORIES[kind], seen
    assert seen.evidence.budget_spent is (True if kind in _SLOW else None)
    assert time.monotonic() - pool.struck_at < SEEN_WITHIN
    session = pool.session
    if kind in RENEWABLE:
        pool.renew()
        assert pool.session_for(browser, Adjustments()) is session
    elif session is not None and kind is not FaultKind.NO_ADAPTER:
        assert not session.is_well()


def test_afterwards_all_is_well_again(pool: SessionPool, browser: BrowserType) -> None:
    assert run_test(spec(browser, Platform.WEBGPU), 1, browser, Adjustments(), pool, lambda: False).backend == "webgpu"


def test_a_full_disk_is_cured_by_a_profile_in_memory(pool: SessionPool, browser: BrowserType) -> None:
    full = spec(browser, Platform.WASM, FaultKind.DISK_FULL)
    with pytest.raises(BrowserFailure) as caught:
        run_test(full, 1, browser, Adjustments(), pool, lambda: False)
    seen = categorize_browser_failure(caught.value, caught.value.evidence)
    cure = adjust(seen, browser, full.model_type, Adjustments())
    assert cure.profile_in_memory
    assert run_test(full, 1, browser, cure, pool, lambda: False).backend == "wasm"


def test_a_fault_that_a_test_can_not_suffer_is_not_injected(pool: SessionPool, browser: BrowserType) -> None:
    pool.begin_attempt()
    run_test(spec(browser, Platform.WASM, *ON_GPU), 1, browser, Adjustments(), pool, lambda: False)
    assert pool.struck_at is None
