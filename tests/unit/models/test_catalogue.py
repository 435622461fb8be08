"""The built-in models are what the catalogue says, and run; names and files that don't exist are told in one line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from jobs.models.catalogue import ModelFileMissing, UnknownModel, built_in_name, catalogue, entry_for
from jobs.models.inputs import make_inputs
from jobs.models.make_tiny import TINY, write
from jobs.models.reference import measure_native, model_inputs
from jobs.models.tiny_graphs import TINY_GRAPHS
from jobs.specs import ModelSource, Platform, TestSpec
from recovery.kinds import BrowserType, ModelType

NAMES = sorted(catalogue())


def spec(model: str, own: ModelSource | None = None) -> TestSpec:
    return TestSpec(
        id="t",
        browser=BrowserType.CHROME,
        model=model,
        model_type=ModelType.TEXT,
        platform=Platform.WASM,
        own_model=own,
    )


def test_the_catalogue_has_a_model_of_every_type_and_a_graph_for_every_name() -> None:
    assert {entry.type for entry in catalogue().values()} == set(ModelType)
    files = {part.path.stem for entry in catalogue().values() for part in entry.parts}
    assert files == set(TINY_GRAPHS)


def test_making_the_tiny_models_again_gives_the_committed_bytes(tmp_path: Path) -> None:
    made = {path.name: path.read_bytes() for path in write(tmp_path)}
    assert made == {path.name: path.read_bytes() for path in TINY.iterdir()}


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_model_is_small(name: str) -> None:
    assert sum(part.path.stat().st_size for part in catalogue()[name].parts) < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_model_declares_the_inputs_that_it_is_fed(name: str) -> None:
    entry = catalogue()[name]
    words = {"int64": "tensor(int64)", "float32": "tensor(float)"}
    fed = {name: (words[str(tensor.dtype)], tensor.shape) for name, tensor in make_inputs(entry).items()}
    assert fed == {
        # A dimension left open is the batch.
        declared.name: (declared.dtype, tuple(1 if size == "batch" else size for size in declared.shape))
        for part in entry.parts
        for declared in model_inputs(part.path)
        if declared.name not in part.feeds
    }


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_built_in_model_gives_finite_outputs_of_the_order_of_one(name: str, seed: int) -> None:
    entry = catalogue()[name]
    outputs = measure_native(entry, make_inputs(entry, seed), runs=0).outputs
    for values in outputs.values():
        assert np.isfinite(values).all()
        assert 0.1 < np.sqrt(np.mean(np.square(values))) < 10
        assert np.abs(values).max() < 20


@pytest.mark.parametrize("name", NAMES)
def test_a_built_in_model_answers_to_its_input(name: str) -> None:
    entry = catalogue()[name]
    one, other = (measure_native(entry, make_inputs(entry, seed), runs=0).outputs for seed in (0, 1))
    for output, values in one.items():
        assert np.abs(values - other[output]).max() > 0.05


def test_a_test_without_a_model_of_its_own_gets_the_built_in_one() -> None:
    entry = entry_for(spec("whisper-tiny"))
    assert entry is catalogue()["whisper-tiny"]
    assert entry.weights == "tiny"
    assert entry.tolerance.on(Platform.WASM) < entry.tolerance.on(Platform.WEBGPU)
    assert entry.tolerance.on("native") < entry.tolerance.on(Platform.WASM)


def test_an_unknown_model_is_told_with_what_is_allowed() -> None:
    with pytest.raises(UnknownModel) as told:
        entry_for(spec("gpt-17"))
    message = str(told.value)
    assert "\n" not in message
    assert "'gpt-17'" in message
    assert all(name in message for name in NAMES)


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("bert", "bert-base-uncased"), ("T5", "t5-small"), ("LLAMA", "llama"), ("vit", "vit-base-patch16-224"),
        ("ViT-Base-Patch16-224", "vit-base-patch16-224"), ("whisper", "whisper-tiny"), ("Wav2Vec2", "wav2vec2-base"),
        ("CLIP", "clip-vit-base-patch32"), ("LLaVA", "llava"), ("gpt-17", "gpt-17"), ("owner/CLIP", "owner/CLIP"),
    ],
)  # fmt: skip
def test_a_built_in_model_answers_to_what_people_type(typed: str, name: str) -> None:
    assert built_in_name(typed) == name


def test_a_model_of_the_users_own_has_its_file_and_tolerance() -> None:
    path = catalogue()["t5-small"].parts[0].path
    entry = entry_for(spec("mine", ModelSource(name="mine", type=ModelType.TEXT, path=path, tolerance=0.25)))
    assert (entry.name, entry.weights) == ("mine", "file")
    assert [(part.path, part.reference) for part in entry.parts] == [(path, path)]
    assert {entry.tolerance.on(platform) for platform in Platform} == {0.25}


def test_a_model_of_the_users_own_without_tolerance_has_the_default_per_backend() -> None:
    built_in = catalogue()["t5-small"]
    entry = entry_for(spec("mine", ModelSource(name="mine", type=ModelType.TEXT, path=built_in.parts[0].path)))
    assert entry.tolerance == built_in.tolerance


@pytest.mark.parametrize("role", ["path", "reference"])
def test_a_missing_file_is_told_by_model_role_and_path(tmp_path: Path, role: str) -> None:
    there, gone = catalogue()["t5-small"].parts[0].path, tmp_path / "gone.onnx"
    files = {"path": there, "reference": there, role: gone}
    with pytest.raises(ModelFileMissing) as told:
        entry_for(spec("mine", ModelSource(name="mine", type=ModelType.TEXT, **files)))
    assert str(told.value) == f"model 'mine': {role} is not a file: {gone}"


def test_a_tolerance_must_be_a_finite_number() -> None:
    with pytest.raises(ValidationError):
        ModelSource(name="mine", type=ModelType.TEXT, path=Path("m.onnx"), tolerance=float("inf"))
