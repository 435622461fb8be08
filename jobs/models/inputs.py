"""A model's inputs, as tensors: deterministic, so that browser and native reference are fed the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from jobs.models.catalogue import ModelEntry
from jobs.models.input_specs import InputSpec, Normal, Spectrogram, Tokens
from jobs.models.input_values import Tensor, make_values
from jobs.models.reference import ModelInput, ModelInvalid, model_inputs

# The size of a dimension that the file leaves open, unless it is a batch (1) or an image's (RGB, 224 × 224).
OPEN_LENGTH = 16
OPEN_IMAGE = (3, 224, 224)

_FLOATS = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}
_INTEGERS = {
    f"tensor({name})": name
    for name in ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
}


def make_inputs(entry: ModelEntry, seed: int = 0) -> dict[str, Tensor]:
    """The inputs of a model: the same for the same entry and seed.

    Raises:
        ModelInvalid: a model of the batch's own can't be loaded, has an input that is no tensor of numbers, or its
            repository lacks what the inputs are made with.
    """
    if entry.repository is not None:
        return _hub_inputs(entry, entry.repository, seed)
    specs = entry.inputs if entry.inputs is not None else own_inputs(entry)
    return {spec.name: make_values(spec, seed) for spec in specs}


def make_batch(entry: ModelEntry, size: int) -> dict[str, Tensor]:
    """So many different inputs of a model, one after another along their first dimension. Raises as ``make_inputs``."""
    rows = [make_inputs(entry, seed) for seed in range(size)]
    return rows[0] if size == 1 else {name: np.concatenate([row[name] for row in rows]) for name in rows[0]}


def spectrogram_of(entry: ModelEntry) -> Spectrogram | None:
    """The input that is a spectrogram, if the model has one: a page can make it by itself.

    Raises:
        ModelInvalid: the model can't be loaded.
    """
    if entry.repository is None:
        return next((spec for spec in entry.inputs or () if isinstance(spec, Spectrogram)), None)
    if not any(one.name == "input_features" for part in entry.parts for one in model_inputs(part.path)):
        return None
    from jobs.models.hub_inputs import Repository, spectrogram_spec  # noqa: PLC0415 - few batches need it

    return spectrogram_spec(Repository(entry.repository))


def _hub_inputs(entry: ModelEntry, folder: Path, seed: int) -> dict[str, Tensor]:
    from jobs.models.hub_inputs import Repository, decoder_start, hub_input  # noqa: PLC0415 - few batches need it

    repository = Repository(folder)
    inputs: dict[str, Tensor] = {}
    for place, part in enumerate(entry.parts):
        for declared in model_inputs(part.path):
            if declared.name == "input_ids" and place > 0 and part.name == "decoder":
                # An exported decoder calls its own words as the encoder calls its.
                inputs[f"{part.name}.{declared.name}"] = decoder_start(repository, seed)
            elif declared.name not in part.feeds and (values := hub_input(declared, repository, seed)) is not None:
                inputs[declared.name] = values
    missing = (spec for spec in own_inputs(entry) if spec.name not in inputs)
    return {**inputs, **{spec.name: make_values(spec, seed) for spec in missing}}


def own_inputs(entry: ModelEntry) -> tuple[InputSpec, ...]:
    """What a user's own model is fed, read from its file: floats are normal, whole numbers are 0 or 1 (in range for
    token ids, masks and types alike), and a dimension left open has a size that suits its place, the same wherever
    its name stands.

    Raises:
        ModelInvalid: the file can't be loaded, or has an input that is no tensor of numbers.
    """
    sizes: dict[str, int] = {}
    specs: dict[str, InputSpec] = {}
    for part in entry.parts:
        for declared in model_inputs(part.path):
            if declared.name not in part.feeds and declared.name not in specs:
                specs[declared.name] = _spec(part.path, declared, sizes)
    return tuple(specs.values())


def _spec(path: Path, declared: ModelInput, sizes: dict[str, int]) -> InputSpec:
    rank = len(declared.shape)
    shape = []
    for place, dimension in enumerate(declared.shape):
        if isinstance(dimension, int):
            shape.append(dimension)
        elif dimension is None:
            shape.append(_open_size("", place, rank))
        else:
            shape.append(sizes.setdefault(dimension, _open_size(dimension, place, rank)))
    spec = {"name": declared.name, "shape": tuple(shape)}
    if dtype := _FLOATS.get(declared.dtype):
        return Normal.model_validate({**spec, "dtype": dtype})
    if dtype := _INTEGERS.get(declared.dtype):
        return Tokens.model_validate({**spec, "dtype": dtype, "below": 2})
    allowed = ", ".join([*_FLOATS, *_INTEGERS])
    raise ModelInvalid(f"{path}: input {declared.name} is {declared.dtype}; inputs can be made for {allowed}")


def _open_size(name: str, place: int, rank: int) -> int:
    if place == 0 or "batch" in name.lower():
        return 1
    return OPEN_IMAGE[place - 1] if rank == 4 else OPEN_LENGTH
