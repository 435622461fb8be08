"""The page harness in real browsers: real inference on each platform, real faults, and what the page tells of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import psutil
import pytest
from onnx import TensorProto, helper, numpy_helper

from jobs.browsers.page_server import PageServer
from jobs.browsers.protocol import Capabilities, Fault, PageError, PagePhase, Probe, Result
from jobs.specs import Platform
from recovery.kinds import PageEvent
from tests.browser.pages import BOUND, BROWSERS, IDS, Arrays, Page
from tests.browser.plain_browsers import plain_browser

TOLERANCE = 1e-5


# --- Models ----------------------------------------------------------------------------------------------------------


def save(path: Path, nodes: list[onnx.NodeProto], inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto],
         weights: Arrays | None = None) -> Path:  # fmt: skip
    initializers = [numpy_helper.from_array(array, name) for name, array in (weights or {}).items()]
    graph = helper.make_graph(nodes, "test", inputs, outputs, initializers)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Token ids to embeddings to two outputs: int64 in, float and int64 out."""
    dice = np.random.default_rng(0)
    return save(
        tmp_path_factory.mktemp("models") / "tiny.onnx",
        [
            helper.make_node("Gather", ["table", "ids"], ["embedded"]),
            helper.make_node("MatMul", ["embedded", "weight"], ["hidden"]),
            helper.make_node("Tanh", ["hidden"], ["features"]),
            helper.make_node("ArgMax", ["features"], ["best"], axis=-1, keepdims=0),
        ],
        [helper.make_tensor_value_info("ids", TensorProto.INT64, [1, 6])],
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, 6, 8]),
            helper.make_tensor_value_info("best", TensorProto.INT64, [1, 6]),
        ],
        {
            "table": dice.normal(size=(32, 16)).astype(np.float32),
            "weight": dice.normal(size=(16, 8)).astype(np.float32),
        },
    )


@pytest.fixture(scope="session")
def greedy_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Allocates as much as its input says."""
    return save(
        tmp_path_factory.mktemp("models") / "greedy.onnx",
        [
            helper.make_node("Expand", ["one", "shape"], ["many"]),
            helper.make_node("ReduceSum", ["many"], ["sum"], keepdims=0),
        ],
        [
            helper.make_tensor_value_info("one", TensorProto.FLOAT, [1, 1]),
            helper.make_tensor_value_info("shape", TensorProto.INT64, [2]),
        ],
        [helper.make_tensor_value_info("sum", TensorProto.FLOAT, [])],
    )


# --- A browser with the page loaded ----------------------------------------------------------------------------------


@pytest.fixture(params=BROWSERS)
def own_page(request: pytest.FixtureRequest, server: PageServer) -> Iterator[Page]:
    """For faults that a browser does not get over."""
    link = server.open_link()
    with plain_browser(request.param) as (driver, process):
        loaded = Page(link, driver, process)
        loaded.load()
        yield loaded
    link.close()


def eventually(condition: Callable[[], bool], *, within: float = BOUND) -> bool:
    deadline = time.monotonic() + within
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


# --- Inference -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [Platform.WASM, Platform.WEBGPU])
def test_outputs_equal_native_ones_and_the_second_run_is_warm(page: Page, model: Path, platform: Platform) -> None:
    names = ("features", "best")
    native = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"]).run(names, dict(IDS))
    first, second = page.run(model, platform), page.run(model, platform, runs=5)
    for result in (first, second):
        assert result.backend is platform
        outputs = {tensor.name: tensor.to_array() for tensor in result.outputs}
        assert sorted(outputs) == sorted(names)
        for name, expected in zip(names, native, strict=True):
            assert outputs[name].dtype == np.asarray(expected).dtype
            np.testing.assert_allclose(outputs[name], expected, atol=TOLERANCE)
    assert len(second.run_ms) == 5
    assert first.runtime_ms > 20  # the module was compiled …
    assert second.runtime_ms < first.runtime_ms / 3  # … and stays so
    if platform is Platform.WEBGPU:
        assert first.adapter is not None
        assert first.adapter.software, "these tests launch browsers on software adapters"
        assert first.kernels is not None
        assert first.kernels >= 3
    else:
        assert (first.adapter, first.kernels) == (None, None)


def test_a_model_that_gpus_can_not_run_is_not_run_elsewhere_in_silence(page: Page, tmp_path: Path) -> None:
    """onnxruntime puts what WebGPU lacks on the CPU without a word; here that is all of it."""
    lone = save(
        tmp_path / "cpu_only.onnx",
        [helper.make_node("NonZero", ["x"], ["y"])],
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.INT64, [2, None])],
    )
    inputs = {"x": np.eye(2, dtype=np.float32)}
    error = page.fail(lone, Platform.WEBGPU, inputs)
    assert error.kind is PageEvent.BACKEND_UNAVAILABLE
    assert "CPU" in error.message
    assert page.run(lone, Platform.WASM, inputs).outputs[0].shape == (2, 2)


def test_a_platform_that_the_browser_lacks_is_told(page: Page, model: Path) -> None:
    error = page.fail(model, Platform.WEBNN)
    assert error.kind is PageEvent.BACKEND_UNAVAILABLE
    assert "WebNN" in error.message


def test_a_probe_tells_what_the_browser_can(page: Page) -> None:
    page.link.send(Probe(id="probe"))
    answer = page.answer()
    assert isinstance(answer, Capabilities)
    assert answer.wasm_simd
    assert answer.wasm_threads
    assert answer.cross_origin_isolated
    assert answer.webgpu.adapter is not None
    assert answer.webgpu.adapter.software
    assert answer.webgpu.limits["maxBufferSize"] > 1_000_000
    assert answer.webnn.devices == ()
    assert answer.webnn.missing


def test_a_test_that_is_over_leaves_the_page_idle(page: Page, model: Path) -> None:
    page.run(model, Platform.WASM)
    assert eventually(lambda: page.link.phase is PagePhase.IDLE)
    assert page.link.pulse_age is not None
    assert eventually(lambda: (page.link.pulse_age or 9) < 1)


# --- Failures, told by their kind ------------------------------------------------------------------------------------


@pytest.mark.parametrize("platform", [Platform.WASM, Platform.WEBGPU])
@pytest.mark.parametrize("damage", ["junk", "cut", "operator", "shapes"])
def test_a_broken_model_is_the_models_fault(
    page: Page, model: Path, tmp_path: Path, platform: Platform, damage: str
) -> None:
    broken = tmp_path / "broken.onnx"
    vector = helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 6])
    result = helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8])
    match damage:
        case "junk":
            broken.write_bytes(b"no model" * 100)
        case "cut":
            broken.write_bytes(model.read_bytes()[:-500])
        case "operator":
            save(broken, [helper.make_node("Unheard", ["x"], ["y"])], [vector], [result])
        case "shapes":
            weights = {"weight": np.zeros((7, 8), np.float32)}
            save(broken, [helper.make_node("MatMul", ["x", "weight"], ["y"])], [vector], [result], weights)
    error = page.fail(broken, platform)
    assert (error.kind, error.phase) == (PageEvent.MODEL_INVALID, PagePhase.CREATE)


@pytest.mark.parametrize(
    "inputs", [{"other": IDS["ids"]}, {"ids": IDS["ids"].astype(np.float32)}], ids=["name", "type"]
)
def test_inputs_that_do_not_fit_are_an_error_of_the_script(page: Page, model: Path, inputs: Arrays) -> None:
    error = page.fail(model, Platform.WASM, inputs)
    assert error.kind is PageEvent.SCRIPT_ERROR
    assert "ids" in error.message or "type" in error.message
    assert error.stack


def test_a_model_that_the_server_lacks_is_an_asset_unavailable(page: Page) -> None:
    error = page.fail(page.link.page_url + "files/999999/gone.onnx", Platform.WASM)
    assert error.kind is PageEvent.ASSET_UNAVAILABLE
    assert "404" in error.message


def test_a_model_of_another_origin_is_not_fetched(page: Page) -> None:
    error = page.fail("http://127.0.0.1:9/model.onnx", Platform.WASM)
    assert error.kind is PageEvent.ASSET_UNAVAILABLE


def test_no_error_tells_the_token(page: Page) -> None:
    token = page.link.page_url.rstrip("/").rsplit("/", 1)[1]
    error = page.fail(page.link.page_url + "files/999999/gone.onnx", Platform.WASM)
    assert "harness.js" in error.stack
    assert token not in error.message + error.stack


def test_memory_that_runs_out_is_told(page: Page, model: Path, greedy_model: Path) -> None:
    """A little under the 4 GiB of wasm, where the module itself lies too, and above an adapter's largest buffer."""
    for platform in (Platform.WASM, Platform.WEBGPU):
        shape = np.array([32_760, 32_760], dtype=np.int64)
        error = page.fail(greedy_model, platform, {"one": np.ones((1, 1), np.float32), "shape": shape})
        assert (platform, error.kind) == (platform, PageEvent.OUT_OF_MEMORY), error.message
    page.load()
    page.run(model, Platform.WEBGPU)


def test_errors_of_the_page_come_as_log_messages(page: Page, tmp_path: Path) -> None:
    page.link.take_logs()
    script = tmp_path / "complaints.js"
    script.write_text(
        "console.warn('a warning', { n: 1 }); console.error(new RangeError('an error'));"
        "for (let i = 0; i < 200; i++) console.error('x'.repeat(10000));",
        encoding="utf-8",
    )
    page.add_script(script)
    logs = []

    def all_came() -> bool:
        logs.extend(page.link.take_logs())
        return len(logs) >= 20

    assert eventually(all_came)
    assert (logs[0].level, logs[0].text) == ("warning", 'a warning {"n":1}')
    assert (logs[1].level, logs[1].source) == ("error", "console")
    assert "RangeError: an error" in logs[1].text
    assert max(len(log.text) for log in logs) == 4_000
    page.driver.execute_script("setTimeout(() => console.error('later'), 1100)")
    assert eventually(lambda: any("later" in log.text for log in page.link.take_logs()))


def test_uncaught_errors_come_as_errors_of_the_page(page: Page, tmp_path: Path) -> None:
    page.load()
    script = tmp_path / "uncaught.js"
    script.write_text(
        "Promise.reject(new Error('a rejection')); setTimeout(() => { throw new TypeError('uncaught'); }, 0);",
        encoding="utf-8",
    )
    page.add_script(script)
    texts: list[str] = []

    def both_came() -> bool:
        texts.extend(log.text for log in page.link.take_logs() if log.source == "page")
        return len(texts) == 2

    assert eventually(both_came)
    assert sorted("a rejection" in text for text in texts) == [False, True]
    assert any("TypeError: uncaught" in text for text in texts)


# --- Connection, reload, stall ---------------------------------------------------------------------------------------


def test_a_reload_takes_the_line_over(page: Page, model: Path) -> None:
    page.driver.refresh()
    assert page.link.wait_hello(BOUND).cross_origin_isolated
    page.run(model, Platform.WASM)


def test_a_dropped_connection_is_made_again_by_the_same_page(page: Page, model: Path) -> None:
    connection = page.link._connection
    assert connection is not None
    page.link._loop.call_soon_threadsafe(connection.end, 1012, "test")
    assert eventually(lambda: page.link._connection not in (None, connection))
    with suppress(TimeoutError):
        pytest.fail(f"the same page counts as new: {page.link.wait_hello(0.1)}")
    page.run(model, Platform.WASM)


def test_a_stalled_model_is_no_hang(page: Page, model: Path) -> None:
    page.run(model, Platform.WASM)
    page.link.faults.stall(60)
    page.start(model, Platform.WASM, IDS)
    assert eventually(lambda: page.link.phase is PagePhase.LOAD and (page.link.phase_age or 0) > 1.5)
    assert eventually(lambda: (page.link.pulse_age or 9) < 1, within=40), "the stall lasts longer"
    page.link.faults.stall(0)
    assert isinstance(page.answer(), Result)


# --- Faults that end a browser ---------------------------------------------------------------------------------------


def test_a_hung_page_still_beats_but_has_no_pulse(own_page: Page) -> None:
    link = own_page.link
    link.send(Fault(kind="hang"))
    assert eventually(lambda: (link.pulse_age or 0) > 2.5)
    assert link.connected
    assert eventually(lambda: (link.heartbeat_age or 9) < 1.5)
    assert link.phase is PagePhase.IDLE


def test_a_killed_browser_is_silent(own_page: Page) -> None:
    for child in own_page.process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            child.kill()
    assert eventually(lambda: not own_page.link.connected)
    assert eventually(lambda: (own_page.link.heartbeat_age or 0) > 1)


@pytest.mark.parametrize("own_page", ["chromium"], indirect=True)
def test_a_killed_gpu_process_is_a_lost_device_and_the_next_run_gets_a_new_one(own_page: Page, model: Path) -> None:
    own_page.start(model, Platform.WEBGPU, IDS, runs=1000)
    assert eventually(lambda: own_page.link.phase is PagePhase.RUN)
    for child in own_page.process.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            if "--type=gpu-process" in child.cmdline():
                child.kill()
    error = own_page.answer()
    assert isinstance(error, PageError)
    assert error.kind is PageEvent.DEVICE_LOST
    own_page.run(model, Platform.WEBGPU)


@pytest.mark.parametrize("own_page", ["chromium"], indirect=True)
def test_wasm_uses_threads_where_the_machine_has_cores(own_page: Page, model: Path) -> None:
    own_page.driver.execute_cdp_cmd("Emulation.setHardwareConcurrencyOverride", {"hardwareConcurrency": 8})
    own_page.load()
    assert own_page.run(model, Platform.WASM).threads == 4
