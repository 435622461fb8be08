"""What a test's own description says of a run of it."""

from __future__ import annotations

import pytest

from jobs.specs import Platform, TestSpec
from recovery import Adjustments, BrowserType, ModelType


@pytest.mark.parametrize("platform", list(Platform))
def test_another_browser_or_backend_is_degraded_and_a_simulation_is_not(platform: Platform) -> None:
    spec = TestSpec(
        id="t", browser=BrowserType.CHROME, model="bert-base-uncased", model_type=ModelType.TEXT, platform=platform
    )
    asked, left = Adjustments(), Adjustments(other_backend=True, time_factor=2)
    assert not spec.is_degraded(BrowserType.CHROME, asked)
    assert spec.is_degraded(BrowserType.FIREFOX, asked)
    assert not spec.is_degraded(None, left)
    # Only WebGPU is ever left.
    assert spec.backend(asked) is platform
    assert spec.backend(left) is (Platform.WASM if platform is Platform.WEBGPU else platform)
    assert spec.is_degraded(BrowserType.CHROME, left) is (platform is Platform.WEBGPU)
