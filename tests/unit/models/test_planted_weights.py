"""A wrong weight is seen: in any matrix or kernel of a built-in model, under the loosest default tolerance."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from jobs.models.catalogue import ModelEntry, catalogue, entry_for
from jobs.models.compare import compare
from jobs.models.inputs import make_inputs
from jobs.models.reference import measure_native, native_run
from jobs.specs import ModelSource, Platform, TestSpec
from recovery.kinds import BrowserType


def matrices(model: onnx.ModelProto) -> list[onnx.TensorProto]:
    """The weights that MatMul, Gemm and Conv multiply by."""
    used = {node.input[1] for node in model.graph.node if node.op_type in {"MatMul", "Gemm", "Conv"}}
    return [weight for weight in model.graph.initializer if weight.name in used]


def plant(weight: onnx.TensorProto) -> None:
    values = numpy_helper.to_array(weight).copy()
    values.flat[0] += 0.5
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def own_entry(entry: ModelEntry, path: Path, reference: Path | None = None) -> ModelEntry:
    source = ModelSource(name=entry.name, type=entry.type, path=path, reference=reference)
    return entry_for(
        TestSpec(
            id="t", browser=BrowserType.CHROME, model=entry.name, model_type=entry.type, platform=Platform.WEBGPU,
            own_model=source,
        )
    )  # fmt: skip


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_a_planted_weight_fails_the_comparison(name: str, tmp_path: Path) -> None:
    entry = catalogue()[name]
    inputs = make_inputs(entry)
    expected = native_run(entry, inputs).outputs
    tolerance = max(entry.tolerance.on(platform) for platform in Platform)
    places = [
        (part, index)
        for part in range(len(entry.parts))
        for index in range(len(matrices(onnx.load(entry.parts[part].path))))
    ]
    unseen = []
    for part, index in places:
        model = onnx.load(entry.parts[part].path)
        weight = matrices(model)[index]
        plant(weight)
        wrong = tmp_path / f"{part}-{index}.onnx"
        onnx.save(model, wrong)
        parts = [*entry.parts]
        parts[part] = parts[part].model_copy(update={"path": wrong})
        broken = entry.model_copy(update={"parts": tuple(parts)})
        comparison = compare(measure_native(broken, inputs, runs=0).outputs, expected, tolerance)
        if comparison.passed:
            unseen.append((weight.name, comparison.max_abs_error))
    assert len(places) >= 6
    assert not unseen


def test_a_users_model_is_judged_by_its_reference(tmp_path: Path) -> None:
    entry = catalogue()["bert-base-uncased"]
    right = entry.parts[0].path
    model = onnx.load(right)
    plant(matrices(model)[0])
    wrong = tmp_path / "wrong.onnx"
    onnx.save(model, wrong)
    own = own_entry(entry, wrong, reference=right)
    inputs = make_inputs(own)
    actual = measure_native(own, inputs, runs=0).outputs
    assert not compare(actual, native_run(own, inputs).outputs, own.tolerance.webgpu).passed
    itself = own_entry(entry, wrong)
    assert compare(actual, native_run(itself, inputs).outputs, own.tolerance.webgpu).passed


def test_a_file_that_changes_gets_new_expected_outputs(tmp_path: Path) -> None:
    entry = catalogue()["bert-base-uncased"]
    inputs = make_inputs(entry)
    path = tmp_path / "model.onnx"
    path.write_bytes(entry.parts[0].path.read_bytes())
    before = native_run(path, inputs)
    assert native_run(path, inputs) is before
    model = onnx.load(path)
    plant(matrices(model)[0])
    onnx.save(model, path)
    after = native_run(path, inputs)
    assert not np.array_equal(before.outputs["last_hidden_state"], after.outputs["last_hidden_state"])
