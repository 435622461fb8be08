"""Arrays as they cross to the page and back: base64 in JSON, checked against their shape as they come in."""

from __future__ import annotations

import binascii
import math
from typing import Annotated, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

# Bytes. The largest frame that either side takes, so no tensor is larger; the catalogue's are far below it.
MAX_FRAME_BYTES: Final = 32 * 1024 * 1024

DType = Literal[
    "float32", "float64", "float16", "int64", "uint64", "int32", "uint32", "int16", "uint16", "int8", "uint8", "bool"
]  # fmt: skip


class Tensor(BaseModel):
    """A named array. ``data`` is base64 of its elements in C order, little-endian; a bool is one byte."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: str = Field(min_length=1, max_length=200)
    dtype: DType
    shape: tuple[Annotated[int, Field(ge=0, le=2**53)], ...] = Field(max_length=16)
    data: str = Field(max_length=MAX_FRAME_BYTES)

    @model_validator(mode="after")
    def _data_fits_shape(self) -> Self:
        expected = math.prod(self.shape) * np.dtype(self.dtype).itemsize
        if expected > MAX_FRAME_BYTES or len(self.data) != 4 * math.ceil(expected / 3):
            raise ValueError(f"tensor {self.name!r}: data does not have the {expected} bytes of its shape")
        try:
            actual = len(self._decoded())
        except binascii.Error as error:
            raise ValueError(f"tensor {self.name!r}: data is not base64") from error
        if actual != expected:
            raise ValueError(f"tensor {self.name!r}: {actual} bytes of data, its shape needs {expected}")
        return self

    def _decoded(self) -> bytes:
        return binascii.a2b_base64(self.data, strict_mode=True) if self.data else b""

    @classmethod
    def from_array(cls, name: str, array: NDArray[np.generic]) -> Self:
        """Wrap an array.

        Raises:
            ValueError: its dtype can't cross to the page.
        """
        portable = np.ascontiguousarray(array, dtype=array.dtype.newbyteorder("<")).reshape(array.shape)
        data = binascii.b2a_base64(portable.tobytes(), newline=False).decode("ascii")
        return cls.model_validate({"name": name, "dtype": array.dtype.name, "shape": array.shape, "data": data})

    def to_array(self) -> NDArray[np.generic]:
        """The array, read-only."""
        return np.frombuffer(self._decoded(), dtype=np.dtype(self.dtype).newbyteorder("<")).reshape(self.shape)
