"""WebKitGTK, Safari's engine on Linux: the same tests, failures and recoveries as everywhere, and wasm only."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Measurement, Platform, TestSpec
from recovery import Adjustments, BrowserType, RecoveryLevel, categorize_browser_failure
from recovery.failures import ApiFailure, CrashFailure, LaunchFailure, TimeoutFailure

MODEL = "bert-base-uncased"
Run = Callable[..., Measurement]


@pytest.fixture(scope="module")
def pool() -> Iterator[SessionPool]:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        pool = SessionPool(Settings(scratch_dir=Path(folder)))
        yield pool
        pool.close()
        assert not list(Path(folder).iterdir())
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before


@pytest.fixture
def run(pool: SessionPool) -> Run:
    def run(*faults: FaultKind, platform: Platform = Platform.WASM) -> Measurement:
        spec = TestSpec(
            id="test", browser=BrowserType.WEBKIT, model=MODEL, model_type=catalogue()[MODEL].type, platform=platform,
            timeout=180, faults=tuple(FaultSpec(kind=kind) for kind in faults),
        )  # fmt: skip
        return run_test(spec, 1, BrowserType.WEBKIT, Adjustments(), pool, lambda: False)

    return run


def test_outputs_are_those_of_native_onnxruntime_and_the_session_stays_warm(run: Run, pool: SessionPool) -> None:
    first = run()
    session = pool.session
    second = run()
    assert pool.session is session
    for result in (first, second):
        assert result.backend is Platform.WASM
        assert result.max_abs_error <= result.tolerance
        assert result.browser_version


def test_a_platform_that_it_lacks_is_an_api_failure_for_another_browser(run: Run) -> None:
    with pytest.raises(ApiFailure, match="WebGPU") as caught:
        run(platform=Platform.WEBGPU)
    assert categorize_browser_failure(caught.value, {}).start_level is RecoveryLevel.FALLBACK


def test_a_killed_browser_is_a_crash(run: Run) -> None:
    with pytest.raises(CrashFailure):
        run(FaultKind.BROWSER_KILLED)
    run()


def test_a_hung_page_is_seen_by_its_pulse(run: Run) -> None:
    with pytest.raises(TimeoutFailure) as caught:
        run(FaultKind.PAGE_HUNG)
    assert caught.value.evidence.budget_spent is None
    run()


def test_a_missing_binary_is_a_launch_failure(run: Run) -> None:
    with pytest.raises(LaunchFailure):
        run(FaultKind.BINARY_MISSING)
