"""Level 3's rules, each shown: a real fault that stays, the failure it makes, and the settings in which it is none.

The other two are shown in test_faults.py (a full disk) and test_recovery_levels.py (no adapter).
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jobs.browsers.faults_run import limit_memory
from jobs.browsers.pool import SessionPool
from jobs.browsers.runner import run_test
from jobs.settings import Settings
from jobs.specs import FaultKind, FaultSpec, Measurement, ModelSource, Platform, TestSpec
from recovery import Adjustments, BrowserFailure, BrowserType, ModelType, adjust, categorize_browser_failure
from recovery.adjustments import on_other_backend
from tests.browser.owners import scratch_root


@pytest.fixture(params=[BrowserType.CHROME, pytest.param(BrowserType.FIREFOX, marks=pytest.mark.night)])
def browser(request: pytest.FixtureRequest) -> BrowserType:
    return BrowserType(request.param)


@pytest.fixture
def pool() -> Iterator[SessionPool]:
    with scratch_root() as root:
        pool = SessionPool(Settings(scratch_dir=root))
        yield pool
        pool.close()


def failed_and_cured(
    spec: TestSpec, browser: BrowserType, pool: SessionPool, *, little_memory: bool = False
) -> Measurement:
    """What the test gives with the settings that its failure asks for."""

    def attempt(adjustments: Adjustments) -> Measurement:
        if little_memory:
            warm_up(browser, adjustments, pool)
        return run_test(spec, 1, browser, adjustments, pool, lambda: False)

    with pytest.raises(BrowserFailure) as caught:
        attempt(Adjustments())
    pool.restart()
    seen = categorize_browser_failure(caught.value, caught.value.evidence)
    cure = adjust(seen, browser, spec.model_type, Adjustments())
    assert cure.rules, seen
    return attempt(cure)


def warm_up(browser: BrowserType, adjustments: Adjustments, pool: SessionPool) -> None:
    """A page with onnxruntime loaded, as in any warm session, for which the system has 64 MB more and no further."""
    warm = TestSpec(
        id="warm", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=Platform.WASM
    )
    run_test(warm, 1, browser, adjustments, pool, lambda: False)
    assert pool.session is not None
    limit_memory(pool.session)


def test_more_time_cures_a_slow_server(browser: BrowserType, pool: SessionPool) -> None:
    slow = TestSpec(
        id="slow", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=Platform.WASM,
        timeout=6, faults=(FaultSpec(kind=FaultKind.ASSET_SLOW, attempts=None),),
    )  # fmt: skip
    assert failed_and_cured(slow, browser, pool).backend == "wasm"


@pytest.mark.night  # its first runs take seconds
def test_more_time_cures_a_compilation_that_takes_longer_than_the_test_has(
    browser: BrowserType, pool: SessionPool
) -> None:
    whole = TestSpec(
        id="shaders", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=Platform.WEBGPU
    )
    pool.session_for(browser, Adjustments())  # a browser's start is not the attempt's time
    began = time.monotonic()
    run_test(whole, 1, browser, Adjustments(), pool, lambda: False)
    needed = time.monotonic() - began
    pool.restart()
    # As far from what it needs as from half of it: a new browser has to compile all of it again.
    short = whole.model_copy(update={"timeout": needed / 2**0.5})
    assert failed_and_cured(short, browser, pool).backend == "webgpu"


def test_wasm_cures_a_gpu_that_keeps_dying_and_says_so(browser: BrowserType, pool: SessionPool) -> None:
    kind = FaultKind.GPU_PROCESS_KILLED if browser is BrowserType.CHROME else FaultKind.DEVICE_LOST
    dying = TestSpec(
        id="dying", browser=browser, model="bert-base-uncased", model_type=ModelType.TEXT, platform=Platform.WEBGPU,
        timeout=300,
        faults=(FaultSpec(kind=kind, attempts=None),),
    )  # fmt: skip
    adjustments: Adjustments | None = Adjustments()
    for _ in range(2):
        assert adjustments is not None
        with pytest.raises(BrowserFailure) as caught:
            run_test(dying, 1, browser, adjustments, pool, lambda: False)
        pool.restart()
        seen = categorize_browser_failure(caught.value, caught.value.evidence)
        # The software adapter first, which is none of a GPU's process or device either.
        adjusted = adjust(seen, browser, dying.model_type, adjustments)
        adjustments = adjusted if adjusted != adjustments else on_other_backend(seen, adjustments)
    assert adjustments is not None
    assert (adjustments.software_adapter, adjustments.other_backend) == (True, True)
    measured = run_test(dying, 1, browser, adjustments, pool, lambda: False)
    assert (measured.backend, measured.adapter) == ("wasm", None)


def convolutions(path: Path, channels: int = 96, layers: int = 3) -> ModelSource:
    """Images in, one number each out; each layer holds 18 MB an image."""
    names = [f"layer{number}" for number in range(layers)]
    nodes, weights, given, width = [], [], "pixel_values", 3
    for name in names:
        kernel = np.full((channels, width, 1, 1), 1 / width, np.float32)
        weights.append(numpy_helper.from_array(kernel, f"{name}.weight"))
        nodes.append(helper.make_node("Conv", [given, f"{name}.weight"], [name], kernel_shape=[1, 1]))
        given, width = name, channels
    nodes.append(helper.make_node("ReduceMean", [given], ["mean"], axes=[1, 2, 3], keepdims=0))
    save(path, nodes, weights, ("pixel_values", ["batch", 3, 224, 224]), ("mean", ["batch"]))
    return ModelSource(name="convolutions", type=ModelType.VISION, path=path)


def save(
    path: Path,
    nodes: list[onnx.NodeProto],
    weights: list[onnx.TensorProto],
    given: tuple[str, list[int | str]],
    out: tuple[str, list[int | str]],
) -> None:
    values = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in (given, out)]
    graph = helper.make_graph(nodes, "g", values[:1], values[1:], weights)
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)


def test_one_input_at_a_time_cures_a_want_of_memory(browser: BrowserType, pool: SessionPool, tmp_path: Path) -> None:
    source = convolutions(tmp_path / "convolutions.onnx")
    spec = TestSpec(
        id="large", browser=browser, model=source.name, model_type=source.type, platform=Platform.WASM, own_model=source
    )
    assert run_test(spec, 1, browser, Adjustments(), pool, lambda: False).batch == 4
    pool.restart()
    assert failed_and_cured(spec, browser, pool, little_memory=True).batch == 1
