"""The kinds of input that a model may be given. input_values.py makes their values.

Which model gets which is in catalogue.toml.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

IntegerType = Literal["int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool"]
FloatType = Literal["float32", "float16", "float64"]
Shape = Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(description="of the tensor; () is a scalar")]


class _Input(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(min_length=1)
    shape: Shape


class Tokens(_Input):
    """Whole numbers from 0 to below ``below``; ``first`` and ``last`` are special tokens at the ends of each row."""

    kind: Literal["tokens"] = "tokens"
    dtype: IntegerType = "int64"
    below: int = Field(ge=1)
    first: int | None = None
    last: int | None = None


class Mask(_Input):
    """Ones; in each row the last ``padding`` are zeros."""

    kind: Literal["mask"] = "mask"
    dtype: IntegerType = "int64"
    padding: int = Field(default=0, ge=0)


class Zeros(_Input):
    """Zeros."""

    kind: Literal["zeros"] = "zeros"
    dtype: IntegerType = "int64"


class Normal(_Input):
    """Mean 0, deviation 1: normalised pixels or samples."""

    kind: Literal["normal"] = "normal"
    dtype: FloatType = "float32"


class Uniform(_Input):
    """Evenly from ``low`` to below ``high``."""

    kind: Literal["uniform"] = "uniform"
    dtype: FloatType = "float32"
    low: float
    high: float


class Spectrogram(_Input):
    """The log-mel spectrogram of two seconds of tones and silence after them: [1, bands, frames of 10 ms]."""

    kind: Literal["spectrogram"] = "spectrogram"
    dtype: Literal["float32"] = "float32"
    shape: tuple[Literal[1], int, int] = Field(description="1, bands, frames")


InputSpec = Annotated[Tokens | Mask | Zeros | Normal | Uniform | Spectrogram, Field(discriminator="kind")]
