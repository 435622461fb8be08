"""LLAMA: a decoder alone. For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import onnx

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.decoder import DecoderShape, decoder

VOCABULARY = 1000
LENGTH = 32
SHAPE = DecoderShape(wide=32, heads=4, shared_heads=2, layers=2, inner=96)


def llama() -> onnx.ModelProto:
    """input_ids, attention_mask → logits."""
    g = GraphBuilder("llama")
    ids = g.input("input_ids", (1, LENGTH), integer=True)
    mask = g.input("attention_mask", (1, LENGTH), integer=True)
    words = g.weight("embeddings.word", (VOCABULARY, SHAPE.wide), 1.0)
    unseen = (g.causal_mask(LENGTH), g.padding_mask(mask, LENGTH))
    x = decoder(g, g.node("Gather", words, ids), LENGTH, SHAPE, score_terms=unseen)
    # The words' own vectors give the logits, scaled to the order of 1.
    scaled = g.node("Mul", x, g.scalar(SHAPE.wide**-0.5))
    g.output("logits", g.node("MatMul", scaled, g.node("Transpose", words, perm=[1, 0])), (1, LENGTH, VOCABULARY))
    return g.model()
