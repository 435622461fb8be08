"""BERT (encoder) and T5 (encoder and decoder in one graph). For the generator only (`make_tiny.py`)."""

from __future__ import annotations

import math

import numpy as np
import onnx
from numpy.typing import NDArray

from jobs.models.tiny_graphs.builder import GraphBuilder
from jobs.models.tiny_graphs.decoder import rms_norm
from jobs.models.tiny_graphs.transformer import Shape, attention, post_norm_encoder

VOCABULARY = 1000
LENGTH = 32
DECODER_LENGTH = 16
SHAPE = Shape(wide=32, heads=2, layers=2, inner=64)

# T5's relative positions: this many buckets, the last for everything this far away and more.
BUCKETS = 32
FARTHEST = 128


def bert() -> onnx.ModelProto:
    """input_ids, attention_mask, token_type_ids → last_hidden_state, pooler_output."""
    g = GraphBuilder("bert-base-uncased")
    wide = SHAPE.wide
    ids = g.input("input_ids", (1, LENGTH), integer=True)
    mask = g.input("attention_mask", (1, LENGTH), integer=True)
    types = g.input("token_type_ids", (1, LENGTH), integer=True)
    words = g.node("Gather", g.weight("embeddings.word", (VOCABULARY, wide), 1.0), ids)
    kinds = g.node("Gather", g.weight("embeddings.token_type", (2, wide), 0.5), types)
    x = g.node("Add", g.node("Add", words, kinds), g.weight("embeddings.position", (1, LENGTH, wide), 0.5))
    x = g.layer_norm("embeddings.norm", x, wide, epsilon=1e-12)
    x = post_norm_encoder(g, "encoder", x, LENGTH, SHAPE, score_terms=(g.padding_mask(mask, LENGTH),))
    g.output("last_hidden_state", x, (1, LENGTH, wide))
    first = g.node("Gather", x, g.constant("first", np.array(0, np.int64)), axis=1)
    pooled = g.node(
        "Gemm",
        first,
        g.weight("pooler.weight", (wide, wide), wide**-0.5),
        g.weight("pooler.bias", (wide,), 0.1),
        transB=1,
    )
    g.output("pooler_output", g.node("Tanh", pooled), (1, wide))
    return g.model()


def t5() -> onnx.ModelProto:
    """input_ids, attention_mask, decoder_input_ids → logits."""
    g = GraphBuilder("t5-small")
    ids = g.input("input_ids", (1, LENGTH), integer=True)
    mask = g.input("attention_mask", (1, LENGTH), integer=True)
    decoder_ids = g.input("decoder_input_ids", (1, DECODER_LENGTH), integer=True)
    shared = g.weight("shared", (VOCABULARY, SHAPE.wide), 1.0)
    hidden = g.padding_mask(mask, LENGTH)

    x = g.node("Gather", shared, ids)
    near = _relative_bias(g, "encoder", LENGTH, both_ways=True)
    for layer in range(SHAPE.layers):
        here = f"encoder.{layer}"
        normed = rms_norm(g, f"{here}.norm1", x, SHAPE.wide)
        mixed = _attention(g, f"{here}.self", normed, LENGTH, score_terms=(near, hidden))
        x = g.node("Add", x, mixed)
        x = g.node("Add", x, _feed_forward(g, f"{here}.mlp", rms_norm(g, f"{here}.norm2", x, SHAPE.wide)))
    memory = rms_norm(g, "encoder.norm", x, SHAPE.wide)

    y = g.node("Gather", shared, decoder_ids)
    before = _relative_bias(g, "decoder", DECODER_LENGTH, both_ways=False)
    causal = g.causal_mask(DECODER_LENGTH)
    for layer in range(SHAPE.layers):
        here = f"decoder.{layer}"
        normed = rms_norm(g, f"{here}.norm1", y, SHAPE.wide)
        y = g.node("Add", y, _attention(g, f"{here}.self", normed, DECODER_LENGTH, score_terms=(before, causal)))
        normed = rms_norm(g, f"{here}.norm2", y, SHAPE.wide)
        mixed = _attention(g, f"{here}.cross", normed, DECODER_LENGTH, score_terms=(hidden,), memory=memory)
        y = g.node("Add", y, mixed)
        y = g.node("Add", y, _feed_forward(g, f"{here}.mlp", rms_norm(g, f"{here}.norm3", y, SHAPE.wide)))
    scaled = g.node("Mul", rms_norm(g, "decoder.norm", y, SHAPE.wide), g.scalar(SHAPE.wide**-0.5))
    logits = g.node("MatMul", scaled, g.node("Transpose", shared, perm=[1, 0]))
    g.output("logits", logits, (1, DECODER_LENGTH, VOCABULARY))
    return g.model()


def _attention(
    g: GraphBuilder, name: str, x: str, length: int, *, score_terms: tuple[str, ...], memory: str | None = None
) -> str:
    """T5's attention: no biases, scores not scaled (its weights are: the query's by the root of a head's width)."""
    return attention(
        g, name, x, length, SHAPE, memory=memory, memory_length=LENGTH if memory else None, bias=False, scaled=False,
        score_terms=score_terms,
    )  # fmt: skip


def _feed_forward(g: GraphBuilder, name: str, x: str) -> str:
    inner = g.node("Relu", g.linear(f"{name}.in", x, SHAPE.wide, SHAPE.inner, bias=False))
    return g.linear(f"{name}.out", inner, SHAPE.inner, SHAPE.wide, bias=False)


def _relative_bias(g: GraphBuilder, name: str, length: int, *, both_ways: bool) -> str:
    """[1, heads, S, S] to add to scores: a learnt number for each bucket of distance and each head."""
    buckets = g.constant(f"{name}.buckets", _buckets(length, both_ways=both_ways))
    table = g.weight(f"{name}.relative_bias", (BUCKETS, SHAPE.heads), 0.5)
    bias = g.node("Transpose", g.node("Gather", table, buckets), perm=[2, 0, 1])
    return g.node("Reshape", bias, g.integers(1, SHAPE.heads, length, length))


def _buckets(length: int, *, both_ways: bool) -> NDArray[np.int64]:
    def bucket(distance: int) -> int:
        count, start = BUCKETS, 0
        if both_ways:
            count //= 2
            start = count if distance > 0 else 0
            distance = abs(distance)
        else:
            distance = max(-distance, 0)
        exact = count // 2
        if distance < exact:
            return start + distance
        farther = math.log(distance / exact) / math.log(FARTHEST / exact) * (count - exact)
        # The nudge: at a power of two the quotient is a whole number, which a logarithm may miss by its last bit.
        return start + min(exact + int(farther + 1e-9), count - 1)

    return np.array([[bucket(key - query) for key in range(length)] for query in range(length)], np.int64)
