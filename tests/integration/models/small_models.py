"""Small models shaped as exporters shape them: open dimensions, well-known names, weights in a file beside."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from jobs.models.hub_inputs import SENTENCES

WIDE = 16

Value = tuple[str, int, Sequence[str | int]]


def model(
    nodes: Sequence[onnx.NodeProto], inputs: Sequence[Value], output: Value, weights: dict[str, Sequence[int]]
) -> onnx.ModelProto:
    dice = np.random.default_rng(0)
    graph = helper.make_graph(
        list(nodes),
        "small",
        [helper.make_tensor_value_info(*value) for value in inputs],
        [helper.make_tensor_value_info(*output)],
        [numpy_helper.from_array(dice.normal(size=shape).astype(np.float32), name) for name, shape in weights.items()],
    )
    return helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)])


def words(name: str) -> Value:
    return (name, TensorProto.INT64, ["batch", f"{name}_length"])


def encoder() -> onnx.ModelProto:
    """input_ids, attention_mask → last_hidden_state."""
    return model(
        [
            helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
            helper.make_node("Cast", ["attention_mask"], ["seen"], to=TensorProto.FLOAT),
            helper.make_node("Unsqueeze", ["seen", "last"], ["column"]),
            helper.make_node("Mul", ["embedded", "column"], ["masked"]),
            helper.make_node("MatMul", ["masked", "weight"], ["mixed"]),
            helper.make_node("Tanh", ["mixed"], ["last_hidden_state"]),
            helper.make_node("Constant", [], ["last"], value=numpy_helper.from_array(np.array([2]))),
        ],
        [words("input_ids"), ("attention_mask", TensorProto.INT64, ["batch", "input_ids_length"])],
        ("last_hidden_state", TensorProto.FLOAT, ["batch", "input_ids_length", WIDE]),
        {"table": (100, WIDE), "weight": (WIDE, WIDE)},
    )


def decoder() -> onnx.ModelProto:
    """input_ids, encoder_hidden_states → logits."""
    hidden: Value = ("encoder_hidden_states", TensorProto.FLOAT, ["batch", "encoder_length", WIDE])
    nodes = [
        helper.make_node("Gather", ["table", "input_ids"], ["embedded"]),
        helper.make_node("ReduceMean", ["encoder_hidden_states"], ["memory"], axes=[1], keepdims=1),
        helper.make_node("Add", ["embedded", "memory"], ["joined"]),
        helper.make_node("MatMul", ["joined", "weight"], ["logits"]),
    ]
    output: Value = ("logits", TensorProto.FLOAT, ["batch", "input_ids_length", 100])
    return model(nodes, [words("input_ids"), hidden], output, {"table": (100, WIDE), "weight": (WIDE, 100)})


def vision() -> onnx.ModelProto:
    """pixel_values → logits."""
    return model(
        [
            helper.make_node("Conv", ["pixel_values", "kernel"], ["patches"], strides=[16, 16], kernel_shape=[16, 16]),
            helper.make_node("ReduceMean", ["patches"], ["mean"], axes=[2, 3], keepdims=0),
            helper.make_node("MatMul", ["mean", "weight"], ["logits"]),
        ],
        [("pixel_values", TensorProto.FLOAT, ["batch", 3, "height", "width"])],
        ("logits", TensorProto.FLOAT, ["batch", 10]),
        {"kernel": (4, 3, 16, 16), "weight": (4, 10)},
    )


def serialized(made: onnx.ModelProto) -> bytes:
    stream = io.BytesIO()
    onnx.save(made, stream)
    return stream.getvalue()


def with_weights_beside(made: onnx.ModelProto, folder: Path) -> dict[str, bytes]:
    """model.onnx and model.onnx_data, as exporters write what is too large for one file."""
    onnx.save(made, folder / "model.onnx", save_as_external_data=True, location="model.onnx_data", size_threshold=0)
    return {name: (folder / name).read_bytes() for name in ("model.onnx", "model.onnx_data")}


def tokenizer() -> bytes:
    every = sorted({word for sentence in SENTENCES for word in sentence.replace(".", " .").split()})
    made = Tokenizer(WordLevel({"[UNK]": 0, **{word: index for index, word in enumerate(every, 1)}}, "[UNK]"))
    made.pre_tokenizer = Whitespace()
    text: str = made.to_str()
    return text.encode()


def text_files() -> dict[str, bytes]:
    return {"config.json": json.dumps({"decoder_start_token_id": 2}).encode(), "tokenizer.json": tokenizer()}


def vision_files() -> dict[str, bytes]:
    preprocessor = {"size": {"height": 64, "width": 48}, "image_mean": [0.4] * 3, "image_std": [0.2] * 3}
    return {"config.json": b"{}", "preprocessor_config.json": json.dumps(preprocessor).encode()}
