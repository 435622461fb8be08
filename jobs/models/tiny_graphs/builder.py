"""Writes one ONNX graph: names, weights and the few layers that all the tiny models share.

For the generator only (`make_tiny.py`): `onnx` is a development dependency, nothing that runs a test imports this.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

# What current exporters write; onnxruntime-web runs every operator of it on wasm and webgpu.
OPSET = 17
IR_VERSION = 8

# Added to the score of a position that must not be seen. Finite, so that no row can become NaN.
MASKED = -10000.0


class GraphBuilder:
    """Collects nodes and weights; every method that adds nodes returns the name of its output."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._nodes: list[onnx.NodeProto] = []
        self._weights: dict[str, onnx.TensorProto] = {}
        self._inputs: list[onnx.ValueInfoProto] = []
        self._outputs: list[onnx.ValueInfoProto] = []

    def input(self, name: str, shape: Sequence[int | str], *, integer: bool = False) -> str:
        self._inputs.append(
            helper.make_tensor_value_info(name, TensorProto.INT64 if integer else TensorProto.FLOAT, shape)
        )
        return name

    def output(self, name: str, source: str, shape: Sequence[int | str]) -> None:
        self._nodes.append(helper.make_node("Identity", [source], [name], name=f"output/{name}"))
        self._outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, shape))

    def node(self, operator: str, *inputs: str, **attributes: object) -> str:
        label = f"{operator}_{len(self._nodes)}"
        node = helper.make_node(operator, list(inputs), [label], name=label)
        node.attribute.extend(helper.make_attribute(key, value) for key, value in attributes.items())
        self._nodes.append(node)
        return label

    def constant(self, name: str, value: NDArray[np.generic]) -> str:
        self._weights[name] = numpy_helper.from_array(value, name)
        return name

    def scalar(self, value: float) -> str:
        return self.constant(f"scalar/{value:g}", np.array(value, np.float32))

    def integers(self, *values: int) -> str:
        return self.constant(f"integers/{'x'.join(map(str, values))}", np.array(values, np.int64))

    def weight(self, name: str, shape: Sequence[int], std: float, mean: float = 0.0) -> str:
        """A random weight. Only exact arithmetic on raw random bits: the same bytes on every machine."""
        generator = np.random.Generator(np.random.PCG64(zlib.crc32(f"{self._model}/{name}".encode())))
        uniform = generator.random(tuple(shape), dtype=np.float32) * np.float32(2) - np.float32(1)
        return self.constant(name, np.float32(mean) + uniform * np.float32(std * 3**0.5))

    def linear(self, name: str, x: str, wide: int, out: int, *, bias: bool = True) -> str:
        """x·W (+ b), scaled so that unit inputs give unit outputs."""
        product = self.node("MatMul", x, self.weight(f"{name}.weight", (wide, out), wide**-0.5))
        return self.node("Add", product, self.weight(f"{name}.bias", (out,), 0.1)) if bias else product

    def conv(
        self,
        name: str,
        x: str,
        shape: Sequence[int],
        *,
        stride: int = 1,
        pad: int = 0,
        groups: int = 1,
        bias: bool = True,
    ) -> str:
        """A convolution; ``shape`` is (out, in per group, kernel…), and the rank of the kernel is that of the image."""
        rank = len(shape) - 2
        fan_in = int(np.prod(shape[1:]))
        weights = [self.weight(f"{name}.weight", shape, fan_in**-0.5)]
        if bias:
            weights.append(self.weight(f"{name}.bias", shape[:1], 0.1))
        return self.node(
            "Conv", x, *weights, strides=[stride] * rank, pads=[pad] * (2 * rank), group=groups, kernel_shape=shape[2:]
        )

    def layer_norm(self, name: str, x: str, wide: int, *, epsilon: float = 1e-5) -> str:
        scale = self.weight(f"{name}.weight", (wide,), 0.1, mean=1.0)
        shift = self.weight(f"{name}.bias", (wide,), 0.1)
        return self.node("LayerNormalization", x, scale, shift, axis=-1, epsilon=epsilon)

    def gelu(self, x: str) -> str:
        """The exact form, decomposed by Erf as exporters write it."""
        erf = self.node("Erf", self.node("Div", x, self.scalar(2**0.5)))
        doubled = self.node("Mul", x, self.node("Add", erf, self.scalar(1.0)))
        return self.node("Mul", doubled, self.scalar(0.5))

    def padding_mask(self, attention_mask: str, length: int) -> str:
        """[1, S] of ones and zeros → [1, 1, 1, S] to add to scores."""
        seen = self.node("Cast", attention_mask, to=TensorProto.FLOAT)
        hidden = self.node("Sub", self.scalar(1.0), self.node("Reshape", seen, self.integers(1, 1, 1, length)))
        return self.node("Mul", hidden, self.scalar(MASKED))

    def causal_mask(self, length: int) -> str:
        return self.constant(
            f"causal/{length}", np.triu(np.full((length, length), MASKED, np.float32), k=1)[None, None]
        )

    def model(self) -> onnx.ModelProto:
        """The checked model. It carries no version of the generating library: its bytes depend on this source alone."""
        graph = helper.make_graph(self._nodes, self._model, self._inputs, self._outputs, list(self._weights.values()))
        model = helper.make_model(
            graph,
            producer_name="breakwater",
            ir_version=IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        return model
