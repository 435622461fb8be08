"""The kinds of input that a model may be given, and how their values are made.

Which model gets which is in catalogue.toml.
"""

from __future__ import annotations

import zlib
from typing import Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from jobs.models.sound import spectrogram

Tensor = NDArray[np.generic]
IntegerType = Literal["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"]
FloatType = Literal["float32", "float16", "float64"]
Shape = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(description="of the tensor; () is a scalar")]


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    shape: Shape

    def _random(self, seed: int) -> np.random.Generator:
        """A stream of this input's own: another input more or less does not change its values."""
        return np.random.Generator(np.random.PCG64([seed, zlib.crc32(self.name.encode())]))


class Tokens(_Input):
    """Whole numbers from 0 to below ``below``; ``first`` and ``last`` are special tokens at the ends of each row."""

    kind: Literal["tokens"] = "tokens"
    dtype: IntegerType = "int64"
    below: int = Field(ge=1)
    first: int | None = None
    last: int | None = None

    def make(self, seed: int) -> Tensor:
        values = self._random(seed).integers(0, self.below, self.shape, dtype=np.int64)
        if self.first is not None:
            values[..., 0] = self.first
        if self.last is not None:
            values[..., -1] = self.last
        return values.astype(self.dtype)


class Mask(_Input):
    """Ones; in each row the last ``padding`` are zeros."""

    kind: Literal["mask"] = "mask"
    dtype: IntegerType = "int64"
    padding: int = Field(default=0, ge=0)

    def make(self, seed: int) -> Tensor:  # noqa: ARG002 - all kinds are made alike
        values = np.ones(self.shape, self.dtype)
        values[..., self.shape[-1] - self.padding :] = 0
        return values


class Zeros(_Input):
    """Zeros."""

    kind: Literal["zeros"] = "zeros"
    dtype: IntegerType = "int64"

    def make(self, seed: int) -> Tensor:  # noqa: ARG002 - all kinds are made alike
        return np.zeros(self.shape, self.dtype)


class Normal(_Input):
    """Mean 0, deviation 1: normalised pixels or samples."""

    kind: Literal["normal"] = "normal"
    dtype: FloatType = "float32"

    def make(self, seed: int) -> Tensor:
        return self._random(seed).standard_normal(self.shape).astype(self.dtype)


class Uniform(_Input):
    """Evenly from ``low`` to below ``high``."""

    kind: Literal["uniform"] = "uniform"
    dtype: FloatType = "float32"
    low: float
    high: float

    def make(self, seed: int) -> Tensor:
        return self._random(seed).uniform(self.low, self.high, self.shape).astype(self.dtype)


class Spectrogram(_Input):
    """The log-mel spectrogram of two seconds of tones and silence after them: [1, bands, frames of 10 ms]."""

    kind: Literal["spectrogram"] = "spectrogram"
    dtype: Literal["float32"] = "float32"
    shape: tuple[Literal[1], int, int] = Field(description="1, bands, frames")

    def make(self, seed: int) -> Tensor:
        return spectrogram(seed, bands=self.shape[1], frames=self.shape[2])


InputSpec = Annotated[Tokens | Mask | Zeros | Normal | Uniform | Spectrogram, Field(discriminator="kind")]
