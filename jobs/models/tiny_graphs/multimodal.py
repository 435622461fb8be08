"""CLIP: a text tower and a vision tower that meet in one space. For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import math

import numpy as np
import onnx

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.transformer import Shape, pre_norm_encoder
from jobs.models.tiny_graphs.vision import IMAGE, first_token, patches_with_class

VOCABULARY = 1000
LENGTH = 16
PROJECTION = 16
TEXT = Shape(wide=32, heads=2, layers=2, inner=64)
# Narrower than the text tower: a 32 × 32 patch costs 3072 weights for each unit of width.
VISION = Shape(wide=16, heads=2, layers=2, inner=32)
# The temperature that CLIP starts its training with.
LOGIT_SCALE = 1 / 0.07


def clip() -> onnx.ModelProto:
    """input_ids, pixel_values, attention_mask → logits_per_image, logits_per_text, text_embeds, image_embeds."""
    g = GraphBuilder("clip-vit-base-patch32")
    ids = g.input("input_ids", (1, LENGTH), integer=True)
    pixels = g.input("pixel_values", (1, 3, IMAGE, IMAGE))
    mask = g.input("attention_mask", (1, LENGTH), integer=True)
    text = _unit(g, _text_tower(g, ids, mask))
    image = _unit(g, _vision_tower(g, pixels))
    scale = g.constant("logit_scale", np.array(math.log(LOGIT_SCALE), np.float32))
    alike = g.node("MatMul", text, g.node("Transpose", image, perm=[1, 0]))
    per_text = g.node("Mul", alike, g.node("Exp", scale))
    g.output("logits_per_image", g.node("Transpose", per_text, perm=[1, 0]), (1, 1))
    g.output("logits_per_text", per_text, (1, 1))
    g.output("text_embeds", text, (1, PROJECTION))
    g.output("image_embeds", image, (1, PROJECTION))
    return g.model()


def _text_tower(g: GraphBuilder, ids: str, mask: str) -> str:
    words = g.node("Gather", g.weight("text.word", (VOCABULARY, TEXT.wide), 1.0), ids)
    x = g.node("Add", words, g.weight("text.position", (1, LENGTH, TEXT.wide), 0.5))
    unseen = (g.causal_mask(LENGTH), g.padding_mask(mask, LENGTH))
    x = pre_norm_encoder(g, "text", x, LENGTH, TEXT, activation=lambda y: _quick_gelu(g, y), score_terms=unseen)
    x = g.layer_norm("text.norm", x, TEXT.wide)
    # The end-of-text token has the highest id: its place holds the whole text.
    end = g.node("ArgMax", ids, axis=-1, keepdims=0)
    summary = g.node("Reshape", g.node("Gather", x, end, axis=1), g.integers(1, TEXT.wide))
    return g.linear("text.projection", summary, TEXT.wide, PROJECTION, bias=False)


def _vision_tower(g: GraphBuilder, pixels: str) -> str:
    x, length = patches_with_class(g, pixels, patch=32, wide=VISION.wide, bias=False)
    x = g.layer_norm("vision.norm0", x, VISION.wide)
    x = pre_norm_encoder(g, "vision", x, length, VISION, activation=lambda y: _quick_gelu(g, y))
    x = g.layer_norm("vision.norm", first_token(g, x), VISION.wide)
    return g.linear("vision.projection", x, VISION.wide, PROJECTION, bias=False)


def _quick_gelu(g: GraphBuilder, x: str) -> str:
    return g.node("Mul", x, g.node("Sigmoid", g.node("Mul", x, g.scalar(1.702))))


def _unit(g: GraphBuilder, x: str) -> str:
    """Scaled to length 1."""
    return g.node("Div", x, g.node("ReduceL2", x, axes=[-1], keepdims=1))
