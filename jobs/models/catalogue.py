"""Which models there are: the built-in ones of catalogue.toml, and a user's own as a batch names it.

Says where a model's file is, what it is fed and how exact it must be; loads and runs nothing.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.models.input_specs import InputSpec
from jobs.specs import ModelSource, Platform, TestSpec
from recovery.kinds import ModelType

_FILE = Path(__file__).with_name("catalogue.toml")


class UnknownModel(ValueError):
    """No built-in model has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"unknown model {name!r}: use one of {', '.join(catalogue())}, or a model file of your own")


class ModelFileMissing(ValueError):
    """A user's own model, or its reference, is not where the batch says."""

    def __init__(self, model: str, role: str, path: Path) -> None:
        super().__init__(f"model {model!r}: {role} is not a file: {path}")


class Tolerance(BaseModel):
    """The largest absolute error allowed, by what really ran."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    native: float = Field(gt=0, allow_inf_nan=False)
    wasm: float = Field(gt=0, allow_inf_nan=False)
    webgpu: float = Field(gt=0, allow_inf_nan=False)
    webnn: float = Field(gt=0, allow_inf_nan=False)

    @classmethod
    def same(cls, error: float) -> Tolerance:
        """One tolerance for everything."""
        return cls(native=error, wasm=error, webgpu=error, webnn=error)

    def on(self, backend: Platform | Literal["native"]) -> float:
        """The tolerance of a backend."""
        return float(getattr(self, str(backend)))


class ModelPart(BaseModel):
    """One ONNX file of a model. An input comes from an earlier part by ``feeds``, else it is one of the model's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    path: Path = Field(description="the file that the browser runs")
    reference: Path = Field(description="the file that gives the expected outputs")
    feeds: Mapping[str, str] = Field(default_factory=dict, description="input → part.output")


class ModelEntry(BaseModel):
    """A model that can be run: its parts in the order in which they run. The outputs are the last one's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: ModelType
    description: str
    parts: tuple[ModelPart, ...] = Field(min_length=1)
    weights: Literal["tiny", "file"] = Field(description="tiny: a small random-weight twin of the named model")
    inputs: tuple[InputSpec, ...] | None = Field(description="None: read from the model files' own inputs")
    tolerance: Tolerance


class _CataloguePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "model"
    file: Path
    feeds: dict[str, str] = {}


class _CatalogueModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ModelType
    description: str
    parts: tuple[_CataloguePart, ...] = Field(min_length=1)
    inputs: tuple[InputSpec, ...] = Field(min_length=1)

    def entry(self, name: str, tolerance: Tolerance) -> ModelEntry:
        files = [(part, _FILE.parent / part.file) for part in self.parts]
        return ModelEntry(
            name=name, type=self.type, description=self.description, weights="tiny",
            parts=tuple(ModelPart(name=part.name, path=path, reference=path, feeds=part.feeds) for part, path in files),
            inputs=self.inputs, tolerance=tolerance,
        )  # fmt: skip


class _CatalogueFile(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    tolerance: Tolerance
    models: dict[str, _CatalogueModel]


@cache
def _catalogue_file() -> _CatalogueFile:
    return _CatalogueFile.model_validate(tomllib.loads(_FILE.read_text(encoding="utf-8")))


@cache
def catalogue() -> Mapping[str, ModelEntry]:
    """The built-in models, by name."""
    file = _catalogue_file()
    return MappingProxyType({name: model.entry(name, file.tolerance) for name, model in file.models.items()})


def entry_for(spec: TestSpec) -> ModelEntry:
    """The model that a test runs: the user's own if the test has one, else the built-in one of that name.

    Raises:
        UnknownModel: no built-in model has this name.
        ModelFileMissing: the user's own model, or its reference, does not exist.
    """
    if spec.own_model is not None:
        return own_entry(spec.own_model)
    name = spec.model or ""
    try:
        return catalogue()[name]
    except KeyError:
        raise UnknownModel(name) from None


def own_entry(source: ModelSource) -> ModelEntry:
    """The entry of a user's own model. Relative paths start at this process's folder.

    Raises:
        ModelFileMissing: the model, or its reference, does not exist.
    """
    reference = source.reference or source.path
    for role, path in (("path", source.path), ("reference", reference)):
        if not path.is_file():
            raise ModelFileMissing(source.name, role, path)
    return ModelEntry(
        name=source.name, type=source.type, description="a model of the user's own",
        parts=(ModelPart(name="model", path=source.path, reference=reference),), weights="file", inputs=None,
        tolerance=_catalogue_file().tolerance if source.tolerance is None else Tolerance.same(source.tolerance),
    )  # fmt: skip
