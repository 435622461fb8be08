"""The transformer's parts: attention and the encoder layer, in the variants that the model families use.

For the generator only (`make_tiny.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs.models.tiny_graphs.builder import GraphBuilder


@dataclass(frozen=True)
class Shape:
    """The size of a stack of layers."""

    wide: int
    heads: int
    layers: int
    inner: int
    open_batch: bool = False
    """The first dimension is whatever comes, as exporters leave it; else it is 1."""
    windows: int = 1
    """Attention stays within each of so many equal parts of the sequence; 1: all of it, as in the real models."""


def attention(
    g: GraphBuilder,
    name: str,
    x: str,
    length: int,
    shape: Shape,
    *,
    memory: str | None = None,
    memory_length: int | None = None,
    bias: bool = True,
    scaled: bool = True,
    score_terms: tuple[str, ...] = (),
) -> str:
    """Multi-head attention of ``x`` on itself, or on ``memory``; ``score_terms`` are added to the scores."""
    seen, seen_length = memory or x, memory_length or length
    each = shape.wide // shape.heads
    batch = -1 if shape.open_batch else 1

    def heads(part: str, source: str, count: int, order: list[int]) -> str:
        projected = g.linear(f"{name}.{part}", source, shape.wide, shape.wide, bias=bias)
        split = g.node("Reshape", projected, g.integers(batch * shape.windows, count // shape.windows, shape.heads, each))
        return g.node("Transpose", split, perm=order)

    query = heads("query", x, length, [0, 2, 1, 3])
    key = heads("key", seen, seen_length, [0, 2, 3, 1])
    value = heads("value", seen, seen_length, [0, 2, 1, 3])
    scores = g.node("MatMul", query, key)
    if scaled:
        scores = g.node("Div", scores, g.scalar(each**0.5))
    for term in score_terms:
        scores = g.node("Add", scores, term)
    mixed = g.node("MatMul", g.node("Softmax", scores, axis=-1), value)
    joined = g.node("Reshape", g.node("Transpose", mixed, perm=[0, 2, 1, 3]), g.integers(batch, length, shape.wide))
    return g.linear(f"{name}.output", joined, shape.wide, shape.wide, bias=bias)


def feed_forward(g: GraphBuilder, name: str, x: str, shape: Shape, activation: Callable[[str], str]) -> str:
    """Two linear maps with an activation between them."""
    inner = activation(g.linear(f"{name}.in", x, shape.wide, shape.inner))
    return g.linear(f"{name}.out", inner, shape.inner, shape.wide)


def pre_norm_encoder(
    g: GraphBuilder,
    name: str,
    x: str,
    length: int,
    shape: Shape,
    *,
    activation: Callable[[str], str],
    score_terms: tuple[str, ...] = (),
) -> str:
    """Layers that normalise before each part (ViT, Whisper, CLIP). The last norm is left to the caller."""
    for layer in range(shape.layers):
        here = f"{name}.{layer}"
        normed = g.layer_norm(f"{here}.norm1", x, shape.wide)
        x = g.node("Add", x, attention(g, f"{here}.attention", normed, length, shape, score_terms=score_terms))
        normed = g.layer_norm(f"{here}.norm2", x, shape.wide)
        x = g.node("Add", x, feed_forward(g, f"{here}.mlp", normed, shape, activation))
    return x


def post_norm_encoder(
    g: GraphBuilder, name: str, x: str, length: int, shape: Shape, *, score_terms: tuple[str, ...] = ()
) -> str:
    """Layers that normalise after each part (BERT, wav2vec 2.0)."""
    for layer in range(shape.layers):
        here = f"{name}.{layer}"
        mixed = attention(g, f"{here}.attention", x, length, shape, score_terms=score_terms)
        x = g.layer_norm(f"{here}.norm1", g.node("Add", x, mixed), shape.wide)
        x = g.layer_norm(
            f"{here}.norm2", g.node("Add", x, feed_forward(g, f"{here}.mlp", x, shape, g.gelu)), shape.wide
        )
    return x
