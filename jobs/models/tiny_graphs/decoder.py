"""A decoder as in LLAMA: rotary positions, grouped queries, a gated feed-forward part. Used by llama and llava.

For the generator only (`make_tiny.py`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from jobs.models.tiny_graphs.builder import GraphBuilder


@dataclass(frozen=True)
class DecoderShape:
    """The size of the stack. Each key and value head serves ``heads // shared_heads`` query heads."""

    wide: int
    heads: int
    shared_heads: int
    layers: int
    inner: int

    @property
    def each(self) -> int:
        return self.wide // self.heads


def decoder(g: GraphBuilder, x: str, length: int, shape: DecoderShape, *, score_terms: tuple[str, ...]) -> str:
    """[1, S, d] → [1, S, d], normalised at the end."""
    turn = _rotation(g, length, shape.each)
    for layer in range(shape.layers):
        here = f"decoder.{layer}"
        normed = rms_norm(g, f"{here}.norm1", x, shape.wide)
        x = g.node("Add", x, _attention(g, f"{here}.attention", normed, length, shape, turn, score_terms))
        normed = rms_norm(g, f"{here}.norm2", x, shape.wide)
        gate = g.linear(f"{here}.mlp.gate", normed, shape.wide, shape.inner, bias=False)
        opened = g.node("Mul", gate, g.node("Sigmoid", gate))
        inner = g.node("Mul", opened, g.linear(f"{here}.mlp.up", normed, shape.wide, shape.inner, bias=False))
        x = g.node("Add", x, g.linear(f"{here}.mlp.down", inner, shape.inner, shape.wide, bias=False))
    return rms_norm(g, "decoder.norm", x, shape.wide)


def rms_norm(g: GraphBuilder, name: str, x: str, wide: int) -> str:
    """Scaled to a root mean square of 1, then by learnt weights."""
    mean = g.node("ReduceMean", g.node("Mul", x, x), axes=[-1], keepdims=1)
    normed = g.node("Div", x, g.node("Sqrt", g.node("Add", mean, g.scalar(1e-6))))
    return g.node("Mul", normed, g.weight(f"{name}.weight", (wide,), 0.1, mean=1.0))


def _rotation(g: GraphBuilder, length: int, each: int) -> tuple[str, str]:
    """Cosines and sines of each position's turn, [1, 1, S, each]."""
    speeds = 10000.0 ** (-np.arange(0, each, 2, dtype=np.float64) / each)
    angles = np.concatenate([np.outer(np.arange(length), speeds)] * 2, axis=-1)[None, None]
    # Rounded, so that the last bit of a machine's cosine does not show in the file.
    return (
        g.constant("rotary.cos", np.round(np.cos(angles), 6).astype(np.float32)),
        g.constant("rotary.sin", np.round(np.sin(angles), 6).astype(np.float32)),
    )


def _turned(g: GraphBuilder, x: str, each: int, turn: tuple[str, str]) -> str:
    half = each // 2
    low = g.node("Slice", x, g.integers(0), g.integers(half), g.integers(3))
    high = g.node("Slice", x, g.integers(half), g.integers(each), g.integers(3))
    crossed = g.node("Concat", g.node("Neg", high), low, axis=-1)
    return g.node("Add", g.node("Mul", x, turn[0]), g.node("Mul", crossed, turn[1]))


def _attention(
    g: GraphBuilder,
    name: str,
    x: str,
    length: int,
    shape: DecoderShape,
    turn: tuple[str, str],
    score_terms: tuple[str, ...],
) -> str:
    def heads(part: str, count: int) -> str:
        projected = g.linear(f"{name}.{part}", x, shape.wide, count * shape.each, bias=False)
        return g.node(
            "Transpose", g.node("Reshape", projected, g.integers(1, length, count, shape.each)), perm=[0, 2, 1, 3]
        )

    def shared(heads_of: str) -> str:
        """Each head repeated for the queries that it serves."""
        times = shape.heads // shape.shared_heads
        each = g.node("Reshape", heads_of, g.integers(1, shape.shared_heads, 1, length, shape.each))
        spread = g.node("Expand", each, g.integers(1, shape.shared_heads, times, length, shape.each))
        return g.node("Reshape", spread, g.integers(1, shape.heads, length, shape.each))

    query = _turned(g, heads("query", shape.heads), shape.each, turn)
    key = shared(_turned(g, heads("key", shape.shared_heads), shape.each, turn))
    value = shared(heads("value", shape.shared_heads))
    scores = g.node("MatMul", query, g.node("Transpose", key, perm=[0, 1, 3, 2]))
    scores = g.node("Div", scores, g.scalar(shape.each**0.5))
    for term in score_terms:
        scores = g.node("Add", scores, term)
    mixed = g.node("MatMul", g.node("Softmax", scores, axis=-1), value)
    joined = g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(1, length, shape.wide))
    return g.linear(f"{name}.output", joined, shape.wide, shape.wide, bias=False)
