"""The messages between Python and the page: what is taken, what is refused, and that the TypeScript types are fresh."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from pydantic import ValidationError

from jobs.browsers.protocol import Beat, Hello, Log, ModelPart, PageError, PagePhase, Probe, Result, Run, from_page
from jobs.browsers.tensors import Tensor
from jobs.page.generate import TARGET, generate
from jobs.specs import AdapterInfo, Platform
from recovery.kinds import PageEvent

DTYPES = (
    "float32",
    "float64",
    "float16",
    "int64",
    "uint64",
    "int32",
    "uint32",
    "int16",
    "uint16",
    "int8",
    "uint8",
    "bool",
)

arrays = hnp.arrays(
    dtype=st.sampled_from(DTYPES).map(np.dtype), shape=hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
)


@given(arrays)
def test_a_tensor_survives_the_wire(array: NDArray[np.generic]) -> None:
    sent = Tensor.from_array("x", array)
    back = Tensor.model_validate_json(sent.model_dump_json()).to_array()
    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_a_tensor_keeps_its_elements_order_and_value_whatever_its_memory_layout() -> None:
    array = np.arange(6, dtype=">i8").reshape(2, 3).T
    np.testing.assert_array_equal(Tensor.from_array("x", array).to_array(), array)


@pytest.mark.parametrize("array", [np.array(["text"]), np.array([1j]), np.array([None])])
def test_a_tensor_of_a_type_that_pages_lack_is_refused(array: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="dtype"):
        Tensor.from_array("x", array)


@pytest.mark.parametrize(
    ("shape", "data"),
    [
        ([2], "AAAA"),  # 3 bytes for 8
        ([1], "AAAAAAAA"),  # 6 bytes for 4: right length once padded, wrong content
        ([1], "AA-_AA=="),  # the URL alphabet
        ([1], "AAAAA==="),
        ([2**40, 2**40], ""),
        ([-1], ""),
        ([1.5], "AAAAAA=="),
    ],
)
def test_a_tensor_whose_data_does_not_fit_its_shape_is_refused(shape: list[float], data: str) -> None:
    with pytest.raises(ValidationError):
        Tensor.model_validate_json(json.dumps({"name": "x", "dtype": "float32", "shape": shape, "data": data}))


def hello(**changes: object) -> dict[str, object]:
    base = {"v": 1, "type": "hello", "page": "p", "user_agent": "test", "cross_origin_isolated": True, "boot_ms": 1.0}
    return {**base, **changes}


def test_messages_of_a_page_survive_the_wire() -> None:
    adapter = AdapterInfo(vendor="google", architecture="swiftshader", software=True)
    messages = [
        Hello.model_validate_json(json.dumps(hello())),
        Result(
            v=1, id="1", backend=Platform.WEBGPU, adapter=adapter, kernels=3, threads=1, runtime_ms=0.0, load_ms=1.0,
            features_ms=None, compile_ms=2.0, run_ms=(0.5, 0.25),
            outputs=(Tensor.from_array("y", np.zeros((1, 2), np.float32)),),
        ),
        PageError(v=1, id="1", kind=PageEvent.DEVICE_LOST, phase=PagePhase.RUN, message="gone"),
        Log(v=1, level="error", source="page", text="ü – ✓"),
    ]  # fmt: skip
    for message in messages:
        assert from_page.validate_json(message.model_dump_json()) == message


@pytest.mark.parametrize(
    "frame",
    [
        hello(v=2),
        {key: value for key, value in hello().items() if key != "v"},
        hello(type="unknown"),
        hello(extra=1),
        hello(boot_ms="1"),
        hello(boot_ms=-1),
        hello(page=""),
        hello(user_agent="x" * 1001),
        {"v": 1, "type": "log", "level": "error", "source": "page", "text": "x" * 4001},
        {"v": 1, "type": "beat", "page": "p", "pulse_ms": 1, "phase": "idle", "phase_ms": 1},
        [],
        "hello",
        None,
    ],
)
def test_a_frame_that_is_not_exactly_a_message_is_refused(frame: object) -> None:
    with pytest.raises(ValidationError):
        from_page.validate_json(json.dumps(frame))


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-1", "1e999"])
def test_an_age_is_a_finite_number_from_zero(number: str) -> None:
    with pytest.raises(ValidationError):
        Beat.model_validate_json(f'{{"v":1,"type":"beat","page":"p","pulse_ms":{number},"phase":"idle","phase_ms":0}}')


def test_commands_say_their_version_and_type() -> None:
    run = Run(id="1", parts=(ModelPart(name="model", url="/m"),), platform=Platform.WASM, inputs=())
    for command, kind in ((run, "run"), (Probe(id="2"), "probe")):
        wire = json.loads(command.model_dump_json())
        assert (wire["v"], wire["type"]) == (1, kind)


def test_the_typescript_types_are_generated_from_these_models() -> None:
    assert TARGET.read_text(encoding="utf-8") == generate(), "run `python -m jobs.page.generate`"
