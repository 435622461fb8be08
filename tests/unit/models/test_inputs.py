"""Inputs are the same in every process, in range, and special where a model wants them so."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from onnx import TensorProto, helper, save

from jobs.models.catalogue import catalogue
from jobs.models.input_specs import Mask, Normal, Tokens, Uniform, Zeros
from jobs.models.input_values import make_values
from jobs.models.inputs import make_inputs
from jobs.models.reference import KEPT_RESULTS, native_run

DIGEST = """
import hashlib
from jobs.models.catalogue import catalogue
from jobs.models.inputs import make_inputs
digest = hashlib.sha256()
for name, entry in sorted(catalogue().items()):
    for tensor in make_inputs(entry, 7).values():
        digest.update(tensor.tobytes())
print(digest.hexdigest())
"""


def test_another_process_makes_the_same_inputs() -> None:
    digest = hashlib.sha256()
    for _, entry in sorted(catalogue().items()):
        for tensor in make_inputs(entry, 7).values():
            digest.update(tensor.tobytes())
    environment = {**os.environ, "PYTHONHASHSEED": "99"}
    told = subprocess.run(
        [sys.executable, "-c", DIGEST], env=environment, capture_output=True, text=True, timeout=180, check=True
    )
    assert told.stdout.strip() == digest.hexdigest()


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_another_seed_makes_other_inputs(name: str) -> None:
    one, other = (make_inputs(catalogue()[name], seed) for seed in (0, 1))
    assert any((one[tensor] != other[tensor]).any() for tensor in one)


def test_an_inputs_values_do_not_depend_on_the_others() -> None:
    alone = make_values(Normal(name="x", shape=(4,)), 0)
    make_values(Normal(name="y", shape=(4,)), 0)
    np.testing.assert_array_equal(alone, make_values(Normal(name="x", shape=(4,)), 0))
    assert (alone != make_values(Normal(name="y", shape=(4,)), 0)).all()


def test_tokens_stay_in_range_and_end_as_told() -> None:
    ids = make_values(Tokens(name="ids", shape=(3, 500), below=10, first=101, last=102), 0)
    assert ids.dtype == np.int64
    assert (ids[:, 0] == 101).all()
    assert (ids[:, -1] == 102).all()
    assert set(np.unique(ids[:, 1:-1])) == set(range(10))


def test_masks_zeros_and_floats_are_what_their_kind_says() -> None:
    assert make_values(Mask(name="m", shape=(2, 5), padding=2), 0).tolist() == [[1, 1, 1, 0, 0]] * 2
    assert make_values(Mask(name="m", shape=(1, 3)), 0).tolist() == [[1, 1, 1]]
    assert not make_values(Zeros(name="z", shape=(3,)), 0).any()
    uniform = make_values(Uniform(name="u", shape=(1000,), low=-1, high=1), 0)
    assert uniform.dtype == np.float32
    assert -1 <= uniform.min() < -0.9
    assert 0.9 < uniform.max() < 1
    normal = make_values(Normal(name="n", shape=(10_000,), dtype="float16"), 0)
    assert normal.dtype == np.float16
    assert abs(float(normal.astype(np.float64).std()) - 1) < 0.05


def test_equal_runs_are_one_and_only_so_many_are_kept(tmp_path: Path) -> None:
    graph = helper.make_graph(
        [helper.make_node("Neg", ["x"], ["y"])],
        "minus",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1])],
    )
    path = tmp_path / "minus.onnx"
    save(helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", 17)]), path)

    def run(number: int) -> object:
        return native_run(path, {"x": np.array([number], np.float32)})

    first = run(0)
    assert run(0) is first
    for number in range(1, KEPT_RESULTS + 1):
        run(number)
    assert run(KEPT_RESULTS) is run(KEPT_RESULTS)
    assert run(0) is not first
