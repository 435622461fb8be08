"""A hang in a phase that may take long is seen, whatever the phase; long work is not taken for one."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from jobs.browsers.pool import SessionPool
from jobs.browsers.protocol import Fault, ModelPart, PagePhase, Result, Run
from jobs.browsers.session import BrowserSession
from jobs.browsers.tensors import Tensor
from jobs.models.catalogue import catalogue
from jobs.models.inputs import make_inputs
from jobs.settings import Settings
from jobs.specs import Platform
from recovery import Adjustments, BrowserType
from recovery.failures import TimeoutFailure
from tests.browser.owners import scratch_root

# Seconds. The shorter, the shorter the work that outlasts it.
PATIENCE = 1.0
# Seconds in which a hang must be seen on a busy machine too. (What a calm one takes, the benchmark measures.)
SEEN_WITHIN = 60.0
TIMEOUT = 240.0
SIZE = 384


@pytest.fixture(scope="module", params=[BrowserType.CHROME, pytest.param(BrowserType.FIREFOX, marks=pytest.mark.night)])
def browser(request: pytest.FixtureRequest) -> BrowserType:
    return BrowserType(request.param)


@pytest.fixture(scope="module")
def pool() -> Iterator[SessionPool]:
    with scratch_root() as folder:
        pool = SessionPool(Settings(scratch_dir=folder, heartbeat_timeout=PATIENCE))
        yield pool
        pool.close()


@pytest.fixture
def session(pool: SessionPool, browser: BrowserType) -> BrowserSession:
    return pool.session_for(browser, Adjustments())


@pytest.fixture(scope="module")
def laborious(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Multiplies a matrix as often as its input says."""
    matrix = [SIZE, SIZE]
    value = helper.make_tensor_value_info
    body = helper.make_graph(
        [
            helper.make_node("MatMul", ["before", "turn"], ["product"]),
            helper.make_node("Tanh", ["product"], ["after"]),
            helper.make_node("Identity", ["go"], ["go_on"]),
        ],
        "body",
        [
            value("i", TensorProto.INT64, []),
            value("go", TensorProto.BOOL, []),
            value("before", TensorProto.FLOAT, matrix),
        ],
        [value("go_on", TensorProto.BOOL, []), value("after", TensorProto.FLOAT, matrix)],
    )
    graph = helper.make_graph(
        [helper.make_node("Loop", ["times", "", "start"], ["end"], body=body)],
        "laborious",
        [value("times", TensorProto.INT64, []), value("start", TensorProto.FLOAT, matrix)],
        [value("end", TensorProto.FLOAT, matrix)],
        [numpy_helper.from_array(np.random.default_rng(0).normal(size=matrix).astype(np.float32), "turn")],
    )
    path = tmp_path_factory.mktemp("models") / "laborious.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)
    return path


def command(session: BrowserSession, model: Path, *tensors: Tensor) -> Callable[[str], Run]:
    part = ModelPart(name="model", url=session.link.offer(model))
    return lambda name: Run(id=name, parts=(part,), platform=Platform.WASM, inputs=tensors)


def labour(session: BrowserSession, model: Path, times: int) -> Result:
    inputs = {"times": np.array(times, dtype=np.int64), "start": np.eye(SIZE, dtype=np.float32)}
    tensors = [Tensor.from_array(name, array) for name, array in inputs.items()]
    return session.run_model(command(session, model, *tensors), TIMEOUT, lambda: False)


def test_long_work_on_the_main_thread_is_no_hang(session: BrowserSession, laborious: Path) -> None:
    times, longest = 20, 0.0
    while longest <= 1.5 * PATIENCE:
        assert times < 10**6, "the work was too short to prove anything"
        longest = max(labour(session, laborious, times).run_ms) / 1000
        times *= 3


@pytest.mark.parametrize("phase", [PagePhase.LOAD, PagePhase.CREATE, PagePhase.COMPILE, PagePhase.RUN])
def test_an_endless_script_is_seen_in_every_phase(
    pool: SessionPool, session: BrowserSession, browser: BrowserType, phase: PagePhase
) -> None:
    entry = catalogue()["bert-base-uncased"]
    inputs = [Tensor.from_array(name, array) for name, array in make_inputs(entry).items()]
    session.link.send(Fault(kind="hang", phase=phase))
    began = time.monotonic()
    with pytest.raises(TimeoutFailure, match="main thread hangs") as caught:
        session.run_model(command(session, entry.parts[0].path, *inputs), TIMEOUT, lambda: False)
    assert time.monotonic() - began < SEEN_WITHIN
    assert caught.value.evidence.budget_spent is None
    pool.renew()
    assert pool.session_for(browser, Adjustments()) is session
