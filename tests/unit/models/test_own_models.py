"""Models of the user's own: inputs read from the file, and every way in which a file is no good told in one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from jobs.models.catalogue import ModelEntry, ModelPart, Tolerance
from jobs.models.inputs import make_inputs
from jobs.models.reference import ModelInvalid, measure_native, native_run
from recovery.kinds import ModelType


def identity_model(
    path: Path, inputs: dict[str, tuple[int, Sequence[int | str | None]]], operator: str = "Identity"
) -> Path:
    """A model that gives back each of its inputs."""
    graph = helper.make_graph(
        [helper.make_node(operator, [name], [f"same_{name}"]) for name in inputs],
        "mine",
        [helper.make_tensor_value_info(name, dtype, shape) for name, (dtype, shape) in inputs.items()],
        [helper.make_tensor_value_info(f"same_{name}", dtype, None) for name, (dtype, _) in inputs.items()],
    )
    onnx.save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)
    return path


def own(path: Path, reference: Path | None = None) -> ModelEntry:
    return ModelEntry(
        name="mine", type=ModelType.TEXT, description="mine", weights="file", inputs=None,
        parts=(ModelPart(name="model", path=path, reference=reference or path),), tolerance=Tolerance.same(1e-3),
    )  # fmt: skip


def test_inputs_are_made_from_what_the_file_declares(tmp_path: Path) -> None:
    model = identity_model(
        tmp_path / "mine.onnx",
        {
            "input_ids": (TensorProto.INT64, ["batch", "sequence"]),
            "attention_mask": (TensorProto.INT64, ["batch", "sequence"]),
            "small": (TensorProto.INT32, [2, 3]),
            "flags": (TensorProto.BOOL, [4]),
            "pixels": (TensorProto.FLOAT, ["batch", "channels", None, None]),
            "half": (TensorProto.FLOAT16, ["sequence", 8]),
            "double": (TensorProto.DOUBLE, []),
        },
    )
    inputs = make_inputs(own(model))
    assert {name: (str(tensor.dtype), tensor.shape) for name, tensor in inputs.items()} == {
        "input_ids": ("int64", (1, 16)),
        "attention_mask": ("int64", (1, 16)),
        "small": ("int32", (2, 3)),
        "flags": ("bool", (4,)),
        "pixels": ("float32", (1, 3, 224, 224)),
        "half": ("float16", (16, 8)),
        "double": ("float64", ()),
    }
    assert set(np.unique(inputs["input_ids"])) == {0, 1}
    assert abs(inputs["pixels"].std() - 1) < 0.01
    outputs = native_run(own(model), inputs).outputs
    for name, tensor in inputs.items():
        np.testing.assert_array_equal(outputs[f"same_{name}"], tensor)


def test_inputs_are_the_same_again_and_others_with_another_seed(tmp_path: Path) -> None:
    entry = own(identity_model(tmp_path / "mine.onnx", {"x": (TensorProto.FLOAT, [2, 5])}))
    np.testing.assert_array_equal(make_inputs(entry)["x"], make_inputs(entry)["x"])
    assert (make_inputs(entry)["x"] != make_inputs(entry, seed=1)["x"]).any()


def one_line(error: BaseException) -> str:
    message = str(error)
    assert "\n" not in message
    assert len(message) < 600
    return message


@pytest.mark.parametrize("content", [b"", b"this is no model", b"\x08\x08" * 50])
def test_a_file_that_is_no_model_is_told(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(content)
    with pytest.raises(ModelInvalid) as told:
        make_inputs(own(path))
    assert f"{path} is not a model that onnxruntime can load" in one_line(told.value)


def test_a_half_written_model_is_told(tmp_path: Path) -> None:
    whole = identity_model(tmp_path / "whole.onnx", {"x": (TensorProto.FLOAT, [2, 5])}).read_bytes()
    half = tmp_path / "half.onnx"
    half.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ModelInvalid):
        native_run(half, {"x": np.zeros((2, 5), np.float32)})


def test_an_operator_that_does_not_exist_is_told(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"x": (TensorProto.FLOAT, [1])}, operator="Teleport")
    with pytest.raises(ModelInvalid) as told:
        make_inputs(own(path))
    assert "Teleport" in one_line(told.value)


def test_an_input_of_text_is_told_with_what_is_allowed(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"words": (TensorProto.STRING, [1])})
    with pytest.raises(ModelInvalid) as told:
        make_inputs(own(path))
    assert "input words is tensor(string); inputs can be made for tensor(float), " in one_line(told.value)


def test_an_output_of_text_is_told(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"words": (TensorProto.STRING, [1])})
    with pytest.raises(ModelInvalid) as told:
        native_run(path, {"words": np.array(["a"], object)})
    assert "output same_words is not a tensor of numbers" in one_line(told.value)


def test_a_reference_with_other_inputs_is_told(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"x": (TensorProto.FLOAT, [2])})
    for number, inputs in enumerate(({"y": (TensorProto.FLOAT, [2])}, {"x": (TensorProto.FLOAT, [3])})):
        reference = identity_model(tmp_path / f"{number}.onnx", inputs)
        entry = own(path, reference)
        with pytest.raises(ModelInvalid) as told:
            native_run(entry, make_inputs(entry))
        assert f"{reference} does not run on its inputs" in one_line(told.value)


def test_a_measured_run_is_loaded_and_run_anew_each_time(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"x": (TensorProto.FLOAT, [2])})
    inputs = {"x": np.ones(2, np.float32)}
    one, other = (measure_native(path, inputs, runs=3) for _ in range(2))
    assert one is not other
    assert len(one.run_ms) == 3
    assert min(one.load_ms, one.compile_ms, *one.run_ms) > 0


def test_kept_outputs_can_not_be_written_to(tmp_path: Path) -> None:
    path = identity_model(tmp_path / "mine.onnx", {"x": (TensorProto.FLOAT, [2])})
    run = native_run(path, {"x": np.ones(2, np.float32)})
    with pytest.raises(ValueError, match="read-only"):
        run.outputs["same_x"][0] = 2
