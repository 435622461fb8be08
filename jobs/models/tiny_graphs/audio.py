"""Whisper's encoder (log-mel frames) and wav2vec 2.0 (raw samples). For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.transformer import Shape, post_norm_encoder, pre_norm_encoder

MEL_BANDS = 80
MEL_FRAMES = 3000
# One layer, and windows: full attention's 1500 × 1500 scores cost a software adapter as much as all the rest, and tests
# are to be quick. The nodes are those of full attention, only the numbers in their reshapes differ.
WHISPER = Shape(wide=32, heads=2, layers=1, inner=64, windows=10)

SAMPLES = 16000
WAV2VEC2 = Shape(wide=32, heads=2, layers=2, inner=64)
CHANNELS = 32
# (kernel, stride) of the feature extractor: 320 samples a frame.
EXTRACTOR = ((10, 5), (3, 2), (3, 2), (3, 2), (3, 2), (2, 2), (2, 2))
POSITION_KERNEL = 32
POSITION_GROUPS = 4
LETTERS = 32


def whisper() -> onnx.ModelProto:
    """input_features → last_hidden_state."""
    g = GraphBuilder("whisper-tiny")
    wide, length = WHISPER.wide, MEL_FRAMES // 2
    features = g.input("input_features", (1, MEL_BANDS, MEL_FRAMES))
    x = g.gelu(g.conv("conv1", features, (wide, MEL_BANDS, 3), pad=1))
    x = g.gelu(g.conv("conv2", x, (wide, wide, 3), stride=2, pad=1))
    x = g.node("Add", g.node("Transpose", x, perm=[0, 2, 1]), g.constant("positions", _sinusoids(length, wide)))
    x = pre_norm_encoder(g, "encoder", x, length, WHISPER, activation=g.gelu)
    g.output("last_hidden_state", g.layer_norm("norm", x, wide), (1, length, wide))
    return g.model()


def wav2vec2() -> onnx.ModelProto:
    """input_values → logits."""
    g = GraphBuilder("wav2vec2-base")
    wide, length = WAV2VEC2.wide, SAMPLES
    x = g.node("Reshape", g.input("input_values", (1, SAMPLES)), g.integers(1, 1, SAMPLES))
    for layer, (kernel, stride) in enumerate(EXTRACTOR):
        here = f"extractor.{layer}"
        x = g.conv(here, x, (CHANNELS, 1 if layer == 0 else CHANNELS, kernel), stride=stride, bias=False)
        length = (length - kernel) // stride + 1
        if layer == 0:
            scale = g.weight(f"{here}.norm.weight", (CHANNELS,), 0.1, mean=1.0)
            shift = g.weight(f"{here}.norm.bias", (CHANNELS,), 0.1)
            x = g.node("InstanceNormalization", x, scale, shift, epsilon=1e-5)
        x = g.gelu(x)
    x = g.layer_norm("projection.norm", g.node("Transpose", x, perm=[0, 2, 1]), CHANNELS)
    x = g.linear("projection", x, CHANNELS, wide)
    x = g.layer_norm("norm", g.node("Add", x, _positions(g, x, length)), wide)
    x = post_norm_encoder(g, "encoder", x, length, WAV2VEC2)
    g.output("logits", g.linear("head", x, wide, LETTERS), (1, length, LETTERS))
    return g.model()


def _positions(g: GraphBuilder, x: str, length: int) -> str:
    """Positions by a grouped convolution. An even kernel gives one frame too many: it is cut off."""
    wide = WAV2VEC2.wide
    kernel = (wide, wide // POSITION_GROUPS, POSITION_KERNEL)
    turned = g.node("Transpose", x, perm=[0, 2, 1])
    mixed = g.conv("positions", turned, kernel, pad=POSITION_KERNEL // 2, groups=POSITION_GROUPS)
    cut = g.node("Slice", mixed, g.integers(0), g.integers(length), g.integers(2))
    return g.node("Transpose", g.gelu(cut), perm=[0, 2, 1])


def _sinusoids(length: int, wide: int) -> NDArray[np.float32]:
    """Whisper's fixed positions, to three decimals: sines differ in their last bit between machines."""
    rates = np.exp(-np.log(10000) / (wide // 2 - 1) * np.arange(wide // 2))
    angles = np.arange(length)[:, None] * rates[None, :]
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).round(3).astype(np.float32)
