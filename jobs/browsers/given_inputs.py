"""What a user hands to the bridge as a model's inputs. A mistake in it is the test's own, told in one line."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from jobs.browsers.failures import TestFailure
from jobs.browsers.tensors import MAX_FRAME_BYTES, DType
from jobs.models.catalogue import entry_for
from jobs.models.inputs import make_inputs
from jobs.specs import TestSpec

GivenInputs = str | Mapping[str, NDArray[np.generic]]

_DTYPES: Final = get_args(DType)
# Bytes of all inputs. One message to the page holds them, as four bytes for three, and a little else.
_LARGEST: Final = (MAX_FRAME_BYTES - 2**16) * 3 // 4


def inputs_of(spec: TestSpec, given: GivenInputs) -> Mapping[str, NDArray[np.generic]]:
    """The model's inputs by name: those given, or made from a text.

    Raises:
        TestFailure: they can't be anybody's inputs, or the model has none that could be made.
        ModelUnavailable: inputs are to be made, and the model can't be fetched now.
    """
    if isinstance(given, str):
        try:
            return make_inputs(entry_for(spec), seed=zlib.crc32(given.encode()))
        except (ValueError, OSError) as error:
            raise TestFailure(str(error)) from error
    if not isinstance(given, Mapping):
        raise TestFailure(
            f"input_data is {type(given).__name__}: give a text, or a mapping from input names to NumPy arrays"
        )
    for name, array in given.items():
        _check(name, array)
    size = sum(array.nbytes for array in given.values())
    if size > _LARGEST:
        raise TestFailure(f"input_data has {size} bytes; a page takes {_LARGEST}")
    return given


def _check(name: str, array: NDArray[np.generic]) -> None:
    if not isinstance(name, str):
        raise TestFailure(f"input_data: {name!r} is no input's name, which is a text")
    if not isinstance(array, np.ndarray):
        raise TestFailure(f"input {name!r} is {type(array).__name__}: give a NumPy array")
    if array.dtype.name not in _DTYPES:
        raise TestFailure(f"input {name!r} has the dtype {array.dtype.name}; allowed: {', '.join(_DTYPES)}")
