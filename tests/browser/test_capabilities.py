"""What a browser can do is asked of the browser; what it lacks is no red test. WebNN runs for real."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.models.catalogue import catalogue
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Measurement, Platform, TestSpec
from recovery import Adjustments, BrowserType, FailureType, RecoveryLevel, categorize_browser_failure
from recovery.failures import ApiFailure
from tests.browser.webnn_chromium import webnn_settings

MODEL = "bert-base-uncased"


@pytest.fixture
def scratch() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="bw") as folder:
        yield Path(folder)


def run(
    pool: SessionPool,
    browser: BrowserType,
    platform: Platform,
    model: str = MODEL,
    faults: tuple[FaultSpec, ...] = (),
) -> Measurement:
    spec = TestSpec(
        id="test", browser=browser, model=model, model_type=catalogue()[model].type, platform=platform, timeout=180,
        faults=faults,
    )  # fmt: skip
    return run_test(spec, 1, browser, Adjustments(), pool, lambda: False)


def test_webnn_runs_for_real_and_gives_the_right_numbers(tmp_path: Path, scratch: Path) -> None:
    pool = SessionPool(webnn_settings(tmp_path, scratch))
    try:
        session = pool.session_for(BrowserType.CHROME, Adjustments())
        webnn = session.capabilities().webnn
        assert webnn.devices[0] == "cpu"
        for context in webnn.contexts:
            assert {"matmul", "softmax", "gemm"} <= set(context.operators)
            assert "float32" in context.operators["matmul"]["a"].data_types
            assert context.max_tensor_bytes
        for model in (MODEL, "vit-base-patch16-224"):
            result = run(pool, BrowserType.CHROME, Platform.WEBNN, model)
            assert result.backend is Platform.WEBNN
            assert result.max_abs_error <= result.tolerance
        with pytest.raises(ApiFailure, match="nothing of this model ran on webnn") as caught:
            run(pool, BrowserType.CHROME, Platform.WEBNN, faults=(FaultSpec(kind=FaultKind.WEBNN_OPERATORS),))
        seen = categorize_browser_failure(caught.value, caught.value.evidence)
        assert (seen.failure_type, seen.start_level) == (FailureType.API_ERROR, RecoveryLevel.FALLBACK)
        assert session.capabilities() is session.capabilities()
    finally:
        pool.close()


@pytest.mark.parametrize("browser", [BrowserType.CHROME, BrowserType.FIREFOX])
def test_a_platform_that_a_session_lacks_is_an_api_failure_for_another_browser(
    browser: BrowserType, scratch: Path
) -> None:
    pool = SessionPool(Settings(scratch_dir=scratch))
    try:
        with pytest.raises(ApiFailure, match=f"{browser.value} gives no WebNN context for cpu") as caught:
            run(pool, browser, Platform.WEBNN)
        seen = categorize_browser_failure(caught.value, {})
        assert (seen.failure_type, seen.start_level) == (FailureType.API_ERROR, RecoveryLevel.FALLBACK)
        assert pool.session is not None
        found = pool.session.capabilities()
        assert found.webgpu.adapter is not None
        assert found.webgpu.adapter.software
        assert found.webgpu.limits["maxBufferSize"] > 0
        assert (found.wasm_simd, found.wasm_threads, found.cross_origin_isolated) == (True, True, True)
        assert found.webnn.devices == ()
        assert run(pool, browser, Platform.WASM).backend is Platform.WASM
    finally:
        pool.close()
