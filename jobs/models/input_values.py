"""The values of a model's inputs, as their specs want them: the same for the same spec and seed."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray

from jobs.models.input_specs import InputSpec, Mask, Normal, Spectrogram, Tokens, Uniform, Zeros
from jobs.models.sound import spectrogram

Tensor = NDArray[np.generic]


def make_values(spec: InputSpec, seed: int) -> Tensor:
    """One input."""
    match spec:
        case Tokens():
            return _tokens(spec, seed)
        case Mask():
            mask = np.ones(spec.shape, spec.dtype)
            mask[..., spec.shape[-1] - spec.padding :] = 0
            return mask
        case Zeros():
            return np.zeros(spec.shape, spec.dtype)
        case Normal():
            return _random(spec, seed).standard_normal(spec.shape).astype(spec.dtype)
        case Uniform():
            return _random(spec, seed).uniform(spec.low, spec.high, spec.shape).astype(spec.dtype)
        case Spectrogram():
            return spectrogram(seed, bands=spec.shape[1], frames=spec.shape[2])


def _tokens(spec: Tokens, seed: int) -> Tensor:
    values = _random(spec, seed).integers(0, spec.below, spec.shape, dtype=np.int64)
    if spec.first is not None:
        values[..., 0] = spec.first
    if spec.last is not None:
        values[..., -1] = spec.last
    return values.astype(spec.dtype)


def _random(spec: InputSpec, seed: int) -> np.random.Generator:
    """A stream of this input's own: another input more or less does not change its values."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(spec.name.encode())]))
