"""Comparing outputs: the error is the true one, and nothing that can't be compared ever passes."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from jobs.models.catalogue import catalogue
from jobs.models.compare import compare
from jobs.models.incomparable import INCOMPARABLE
from jobs.models.inputs import make_inputs
from jobs.models.reference import native_run

NUMBERS = st.floats(-1e6, 1e6, width=32)
TENSORS = arrays(np.float32, array_shapes(max_dims=3, max_side=4), elements=NUMBERS)


@given(st.dictionaries(st.text(min_size=1), TENSORS, min_size=1, max_size=3))
def test_equal_outputs_pass_without_error(outputs: dict[str, np.ndarray]) -> None:
    comparison = compare(outputs, {name: values.copy() for name, values in outputs.items()}, 1e-9)
    assert comparison.passed
    assert comparison.max_abs_error == 0
    assert comparison.worst_output in outputs


@given(TENSORS, st.data(), st.floats(1e-6, 1e3))
def test_the_error_is_the_largest_and_passing_means_being_within_the_tolerance(
    expected: np.ndarray, data: st.DataObject, tolerance: float
) -> None:
    actual = data.draw(arrays(np.float32, expected.shape, elements=NUMBERS))
    comparison = compare({"y": actual}, {"y": expected}, tolerance)
    assert comparison.max_abs_error == max(
        abs(float(a) - float(b)) for a, b in zip(actual.flat, expected.flat, strict=True)
    )
    assert comparison.passed == (comparison.max_abs_error <= tolerance)
    assert comparison.passed == (comparison.reason == "")
    assert compare({"y": expected}, {"y": actual}, tolerance).max_abs_error == comparison.max_abs_error


@given(TENSORS, st.data(), st.sampled_from([math.nan, math.inf, -math.inf]), st.booleans())
def test_a_value_that_is_not_finite_never_passes(
    good: np.ndarray, data: st.DataObject, strange: float, in_reference: bool
) -> None:
    bad = good.copy()
    bad.flat[data.draw(st.integers(0, bad.size - 1))] = strange
    actual, expected = (good, bad) if in_reference else (bad, good)
    for comparison in (compare({"y": actual}, {"y": expected}, 1e30), compare({"y": bad}, {"y": bad}, 1e30)):
        assert not comparison.passed
        assert comparison.max_abs_error == INCOMPARABLE
        assert json.loads(json.dumps(comparison.max_abs_error, allow_nan=False)) == INCOMPARABLE
        assert f"of {good.size} values NaN or infinite" in comparison.reason


@given(arrays(np.int64, 3), arrays(np.int64, 3))
def test_whole_numbers_are_compared_without_rounding(actual: np.ndarray, expected: np.ndarray) -> None:
    true = max(abs(a - b) for a, b in zip(actual.tolist(), expected.tolist(), strict=True))
    comparison = compare({"y": actual}, {"y": expected}, 0.5)
    assert comparison.max_abs_error == float(true)
    assert comparison.passed == (true == 0)


ONE = {"y": np.zeros((1, 2), np.float32)}


@pytest.mark.parametrize(
    ("actual", "expected", "reason"),
    [
        ({}, ONE, "output y is missing"),
        ({**ONE, "z": np.zeros(1)}, ONE, "output z is not one of the reference's: y"),
        ({}, {}, "the reference has no outputs"),
        ({"y": np.zeros((2, 1), np.float32)}, ONE, "output y has shape [2, 1], expected [1, 2]"),
        ({"y": np.zeros((1, 2), np.float64)}, ONE, "output y has type float64, expected float32"),
        (
            {"y": np.array([[0, np.nan]], np.float32)},
            ONE,
            "output y can't be compared: has 1 of 2 values NaN or infinite",
        ),
        (
            ONE,
            {"y": np.array([[np.inf, np.nan]], np.float32)},
            "output y can't be compared: the reference has 2 of 2 values NaN or infinite",
        ),
        ({"y": np.array([[0, 0.5]], np.float32)}, ONE, "y[0, 1] is 0.5, expected 0: off by 0.5, tolerance 0.1"),
    ],
)
def test_the_reason_says_what_differs(
    actual: dict[str, np.ndarray], expected: dict[str, np.ndarray], reason: str
) -> None:
    comparison = compare(actual, expected, 0.1)
    assert not comparison.passed
    assert comparison.reason == reason


def test_a_difference_too_large_for_a_number_stays_one() -> None:
    comparison = compare({"y": np.array([1.7e308])}, {"y": np.array([-1.7e308])}, 1.0)
    assert comparison.max_abs_error == INCOMPARABLE
    assert not comparison.passed


def test_tensors_without_elements_or_dimensions_are_compared() -> None:
    outputs = {"empty": np.zeros((0, 4), np.float32), "scalar": np.array(2.0, np.float32), "flag": np.array(True)}
    assert compare(outputs, outputs, 0.1).passed
    comparison = compare({**outputs, "flag": np.array(False)}, outputs, 0.1)
    assert comparison.reason == "flag[] is 0, expected 1: off by 1, tolerance 0.1"


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_the_worst_output_is_named(name: str) -> None:
    entry = catalogue()[name]
    expected = native_run(entry, make_inputs(entry)).outputs
    for output, values in expected.items():
        wrong = values.copy()
        wrong.flat[-1] += 0.5
        comparison = compare({**expected, output: wrong}, expected, entry.tolerance.webgpu)
        assert comparison.worst_output == output
        assert comparison.max_abs_error == pytest.approx(0.5, rel=1e-5)
        assert comparison.reason.startswith(f"{output}[")
