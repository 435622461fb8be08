"""LLaVA in three files, as it is exported: vision tower, projector, decoder. For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import onnx

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.decoder import DecoderShape, decoder
from jobs.models.tiny_graphs.transformer import Shape, pre_norm_encoder
from jobs.models.tiny_graphs.vision import IMAGE, patches_with_class

VOCABULARY = 1000
LENGTH = 16
PATCHES = (IMAGE // 32) ** 2
VISION = Shape(wide=16, heads=2, layers=2, inner=32)
SHAPE = DecoderShape(wide=32, heads=4, shared_heads=2, layers=2, inner=64)


def llava_vision() -> onnx.ModelProto:
    """pixel_values → image_features: every patch's, the class token's not."""
    g = GraphBuilder("llava/vision_encoder")
    pixels = g.input("pixel_values", (1, 3, IMAGE, IMAGE))
    x, length = patches_with_class(g, pixels, patch=32, wide=VISION.wide, bias=False)
    x = pre_norm_encoder(g, "vision", x, length, VISION, activation=g.gelu)
    x = g.layer_norm("vision.norm", x, VISION.wide)
    patches = g.node("Slice", x, g.integers(1), g.integers(length), g.integers(1))
    g.output("image_features", patches, (1, PATCHES, VISION.wide))
    return g.model()


def llava_projector() -> onnx.ModelProto:
    """image_features → image_embeds: from the vision tower's width to the decoder's."""
    g = GraphBuilder("llava/projector")
    features = g.input("image_features", (1, PATCHES, VISION.wide))
    inner = g.gelu(g.linear("projector.in", features, VISION.wide, SHAPE.wide))
    g.output("image_embeds", g.linear("projector.out", inner, SHAPE.wide, SHAPE.wide), (1, PATCHES, SHAPE.wide))
    return g.model()


def llava_decoder() -> onnx.ModelProto:
    """image_embeds, input_ids → logits of the words; the image stands before them."""
    g = GraphBuilder("llava/decoder")
    image = g.input("image_embeds", (1, PATCHES, SHAPE.wide))
    ids = g.input("input_ids", (1, LENGTH), integer=True)
    words = g.weight("embeddings.word", (VOCABULARY, SHAPE.wide), 1.0)
    length = PATCHES + LENGTH
    joined = g.node("Concat", image, g.node("Gather", words, ids), axis=1)
    x = decoder(g, joined, length, SHAPE, score_terms=(g.causal_mask(length),))
    said = g.node("Slice", x, g.integers(PATCHES), g.integers(length), g.integers(1))
    scaled = g.node("Mul", said, g.scalar(SHAPE.wide**-0.5))
    g.output("logits", g.node("MatMul", scaled, g.node("Transpose", words, perm=[1, 0])), (1, LENGTH, VOCABULARY))
    return g.model()
