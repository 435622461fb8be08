"""ViT: an image cut into patches, an encoder, a class. For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import numpy as np
import onnx

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.transformer import Shape, pre_norm_encoder

IMAGE = 224
CLASSES = 1000
SHAPE = Shape(wide=32, heads=2, layers=2, inner=64, open_batch=True)


def vit() -> onnx.ModelProto:
    """pixel_values → logits."""
    g = GraphBuilder("vit-base-patch16-224")
    pixels = g.input("pixel_values", ("batch", 3, IMAGE, IMAGE))
    x, length = patches_with_class(g, pixels, patch=16, wide=SHAPE.wide, bias=True, open_batch=True)
    x = pre_norm_encoder(g, "encoder", x, length, SHAPE, activation=g.gelu)
    x = g.layer_norm("norm", x, SHAPE.wide, epsilon=1e-12)
    logits = g.linear("classifier", first_token(g, x), SHAPE.wide, CLASSES)
    g.output("logits", logits, ("batch", CLASSES))
    return g.model()


def patches_with_class(
    g: GraphBuilder, pixels: str, *, patch: int, wide: int, bias: bool, open_batch: bool = False
) -> tuple[str, int]:
    """The image's patches as tokens after a class token, with positions; and how many they are."""
    count = (IMAGE // patch) ** 2
    grid = g.conv("embeddings.patch", pixels, (wide, 3, patch, patch), stride=patch, bias=bias)
    tokens = g.node("Transpose", g.node("Reshape", grid, g.integers(-1 if open_batch else 1, wide, count)), perm=[0, 2, 1])
    one = g.weight("embeddings.class", (1, 1, wide), 1.0)
    if open_batch:
        images = g.node("Slice", g.node("Shape", pixels), g.integers(0), g.integers(1))
        one = g.node("Expand", one, g.node("Concat", images, g.integers(1, 1), axis=0))
    joined = g.node("Concat", one, tokens, axis=1)
    positions = g.weight("embeddings.position", (1, count + 1, wide), 0.5)
    return g.node("Add", joined, positions), count + 1


def first_token(g: GraphBuilder, x: str) -> str:
    """[1, S, d] → [1, d]: the class token."""
    return g.node("Gather", x, g.constant("first", np.array(0, np.int64)), axis=1)
