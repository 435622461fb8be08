"""A session in a real browser: right numbers, each fault seen and told apart, and nothing left when it is closed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from jobs.browsers.failures import AttemptAborted, TestFailure
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Measurement, ModelSource, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, PageEvent
from recovery.failures import GpuFailure, TimeoutFailure

BROWSERS = (BrowserType.CHROME, BrowserType.FIREFOX)
# Seconds. Software adapters are slow, and other tests may have been hard on the machine.
TIMEOUT = 240.0

Run = Callable[..., Measurement]


@pytest.fixture(scope="module", params=BROWSERS)
def browser(request: pytest.FixtureRequest) -> BrowserType:
    return BrowserType(request.param)


@pytest.fixture(scope="module")
def scratch() -> Iterator[Path]:
    # pytest's own folders have paths that are too long for a browser's sockets.
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def pool(browser: BrowserType, scratch: Path) -> Iterator[SessionPool]:
    """A pool for one browser's tests; when it is closed nothing of it may be left."""
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    pool = SessionPool(Settings(scratch_dir=scratch))
    yield pool
    pool.close()
    assert {process.pid for process in psutil.Process().children(recursive=True)} <= before
    assert not list(scratch.iterdir())


@pytest.fixture
def run(pool: SessionPool, browser: BrowserType) -> Run:
    """Run a test in the browser, with faults."""

    def run(
        *faults: FaultKind,
        model: str = "bert-base-uncased",
        platform: Platform = Platform.WASM,
        adjustments: Adjustments | None = None,
        timeout: float = TIMEOUT,
        own: ModelSource | None = None,
        stop: bool = False,
    ) -> Measurement:
        spec = TestSpec(
            id="test", browser=browser, model=model, model_type=own.type if own else catalogue()[model].type,
            platform=platform, timeout=timeout, own_model=own, faults=tuple(FaultSpec(kind=kind) for kind in faults),
        )  # fmt: skip
        return run_test(spec, 1, browser, adjustments or Adjustments(), pool, lambda: stop)

    return run


def failure(run: Callable[[], object]) -> BrowserFailure:
    with pytest.raises(BrowserFailure) as caught:
        run()
    assert caught.value.evidence.phase is not None
    return caught.value


@pytest.mark.parametrize("platform", [Platform.WASM, Platform.WEBGPU])
def test_outputs_are_those_of_native_onnxruntime(run: Run, platform: Platform) -> None:
    result = run(platform=platform)
    assert result.backend == platform
    assert result.browser_version
    assert result.max_abs_error <= result.tolerance
    assert result.load_ms > 0
    assert result.compile_ms > 0
    assert 0 < result.run_ms_p50 <= result.run_ms_p95
    assert result.weights == "tiny"
    if platform is Platform.WEBGPU:
        assert result.adapter is not None
        assert result.adapter.software
    else:
        assert result.adapter is None


def test_the_session_stays_warm(run: Run, pool: SessionPool, browser: BrowserType) -> None:
    run()
    first = pool.session_for(browser, Adjustments())
    run()
    assert pool.session_for(browser, Adjustments()) is first


def test_a_hung_page_is_seen_by_its_pulse_long_before_the_time_limit(
    run: Run, pool: SessionPool, browser: BrowserType
) -> None:
    run()
    session = pool.session_for(browser, Adjustments())
    seen = failure(lambda: run(FaultKind.PAGE_HUNG))
    assert isinstance(seen, TimeoutFailure)
    assert seen.evidence.budget_spent is None
    assert seen.evidence.heartbeat_age is not None
    assert seen.evidence.pulse_age is not None
    assert 1.5 <= seen.evidence.pulse_age < TIMEOUT / 4
    assert seen.evidence.heartbeat_age < seen.evidence.pulse_age
    pool.renew()
    assert pool.session_for(browser, Adjustments()) is session
    run()


def test_time_that_is_used_up_is_told_as_such_and_a_new_page_works(run: Run, pool: SessionPool) -> None:
    run()
    seen = failure(lambda: run(FaultKind.ASSET_STALLED, timeout=0.5))
    assert isinstance(seen, TimeoutFailure)
    assert seen.evidence.budget_spent is True
    pool.renew()
    run()


def test_a_missing_adapter_is_a_gpu_failure_that_the_software_adapter_cures(run: Run) -> None:
    seen = failure(lambda: run(FaultKind.NO_ADAPTER, platform=Platform.WEBGPU))
    assert isinstance(seen, GpuFailure)
    assert seen.evidence.page_event is PageEvent.NO_ADAPTER
    cured = run(FaultKind.NO_ADAPTER, platform=Platform.WEBGPU, adjustments=Adjustments(software_adapter=True))
    assert cured.adapter is not None
    assert cured.adapter.software


def test_a_model_that_is_none_is_the_tests_own_failure(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"this is no model")
    right = catalogue()["bert-base-uncased"].parts[0].path
    with pytest.raises(TestFailure):
        run(own=ModelSource(name="broken", type=catalogue()["bert-base-uncased"].type, path=broken, reference=right))
    run()


def test_an_attempt_that_nobody_wants_stops(run: Run, pool: SessionPool) -> None:
    with pytest.raises(AttemptAborted):
        run(FaultKind.ASSET_STALLED, stop=True)
    pool.restart()


def test_a_stopped_browser_is_seen_and_no_longer_used(run: Run, pool: SessionPool, browser: BrowserType) -> None:
    run()
    session = pool.session_for(browser, Adjustments())
    assert session.main_process is not None
    session.main_process.suspend()
    try:
        run()
    except TimeoutFailure as seen:  # stopped only once the run had begun
        assert seen.evidence.browser_stopped
        run()
    assert pool.session_for(browser, Adjustments()) is not session
