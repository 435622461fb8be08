"""Whether two sets of outputs are the same within a tolerance. Pure: runs nothing, raises nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from jobs.models.incomparable import INCOMPARABLE
from jobs.models.input_values import Tensor


@dataclass(frozen=True)
class Comparison:
    """How far the outputs are from the expected ones."""

    max_abs_error: float
    """Largest absolute error over all outputs; INCOMPARABLE if they can't be compared."""
    tolerance: float
    worst_output: str | None
    """The output with the largest error; None if there are no outputs at all."""
    reason: str
    """Why the comparison failed, in one line; empty if it passed."""

    @property
    def passed(self) -> bool:
        """Whether every element is within the tolerance."""
        return not self.reason


def compare(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor], tolerance: float) -> Comparison:
    """Compare outputs by name. Shapes and types must be the same; NaN and infinity never pass."""
    if obstacle := _obstacle(actual, expected):
        output, reason = obstacle
        return Comparison(INCOMPARABLE, tolerance, output, reason)
    errors = {name: _errors(actual[name], expected[name]) for name in expected}
    worst = max(errors, key=lambda name: _largest(errors[name]))
    largest = _largest(errors[worst])
    if largest <= tolerance:
        return Comparison(largest, tolerance, worst, "")
    place = np.unravel_index(int(errors[worst].argmax()), errors[worst].shape)
    where = f"{worst}[{', '.join(str(int(index)) for index in place)}]"
    got, wanted = float(actual[worst][place]), float(expected[worst][place])
    reason = f"{where} is {got:.6g}, expected {wanted:.6g}: off by {largest:.2g}, tolerance {tolerance:.2g}"
    return Comparison(largest, tolerance, worst, reason)


def _obstacle(actual: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[str | None, str] | None:
    """The first thing that makes a comparison pointless: (output, reason)."""
    if not expected:
        return None, "the reference has no outputs"
    for name in expected:
        if name not in actual:
            return name, f"output {name} is missing"
    for name in actual:
        if name not in expected:
            return name, f"output {name} is not one of the reference's: {', '.join(expected)}"
    for name, wanted in expected.items():
        if unlike := _unlike(actual[name], wanted):
            return name, f"output {name} {unlike}"
    return None


def _unlike(actual: Tensor, expected: Tensor) -> str | None:
    if actual.shape != expected.shape:
        return f"has shape {list(actual.shape)}, expected {list(expected.shape)}"
    if actual.dtype != expected.dtype:
        return f"has type {actual.dtype}, expected {expected.dtype}"
    for whose, values in (("the reference has", expected), ("has", actual)):
        if strange := values.size - int(np.count_nonzero(np.isfinite(values))):
            return f"can't be compared: {whose} {strange} of {values.size} values NaN or infinite"
    return None


def _errors(actual: Tensor, expected: Tensor) -> NDArray[np.float64]:
    if actual.dtype.kind in "iub":
        wide = np.uint64 if actual.dtype.kind == "u" else np.int64
        got, wanted = actual.astype(wide), expected.astype(wide)
        # Wraps at most once: as an unsigned number the difference is exact.
        return (np.maximum(got, wanted) - np.minimum(got, wanted)).astype(np.uint64).astype(np.float64)
    with np.errstate(over="ignore"):
        difference = np.abs(actual.astype(np.float64) - expected.astype(np.float64))
    return np.minimum(difference, INCOMPARABLE)


def _largest(errors: NDArray[np.float64]) -> float:
    return float(errors.max(initial=0.0))
