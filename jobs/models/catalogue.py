"""Which models there are: the built-in ones of catalogue.toml, and a user's own as a batch names it.

Says where a model's file is, what it is fed and how exact it must be; loads and runs nothing.
"""

from __future__ import annotations

import glob
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from jobs.models.input_specs import InputSpec
from jobs.specs import ModelSource, Platform, SourcePart, TestSpec
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
    weights: tuple[Path, ...] = Field(default=(), description="files of weights that the browser's file names")
    feeds: Mapping[str, str] = Field(default_factory=dict, description="input → part.output")


class ModelEntry(BaseModel):
    """A model that can be run: its parts in the order in which they run. The outputs are the last one's."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    type: ModelType
    description: str
    parts: tuple[ModelPart, ...] = Field(min_length=1)
    weights: Literal["tiny", "file", "hub"] = Field(description="tiny: a small random-weight twin of the named model")
    repository: Path | None = Field(
        default=None, description="the folder of a hub's model, with its tokenizer and such"
    )
    inputs: tuple[InputSpec, ...] | None = Field(description="None: read from the model files' own inputs")
    tolerance: Tolerance


class _CataloguePart(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = "model"
    file: Path
    feeds: dict[str, str] = {}


class _CatalogueHub(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    repository: str
    parts: tuple[SourcePart, ...] = Field(min_length=1)


class _CatalogueModel(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    type: ModelType
    also: tuple[str, ...] = Field(default=(), description="shorter names that people type for it")
    hub: _CatalogueHub | None = None
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


def built_in_name(typed: str) -> str:
    """A built-in model's name as the catalogue has it, for one that somebody typed: ``CLIP``, ``wav2vec2``. Any other
    name comes back as it is.
    """
    return _typed_names().get(typed.lower(), typed)


@cache
def _typed_names() -> Mapping[str, str]:
    return {short: name for name, model in _catalogue_file().models.items() for short in (name, *model.also)}


def entry_for(spec: TestSpec) -> ModelEntry:
    """The model that a test runs: the user's own if the test has one, else the built-in one of that name.

    Raises:
        UnknownModel: no built-in model has this name.
        ModelFileMissing: the user's own model, or its reference, does not exist.
        ModelUnknown: the hub, or the address, has no such model.
        ModelUnavailable: it can't be fetched now.
    """
    if spec.own_model is not None:
        return own_entry(spec.own_model)
    name = spec.model or ""
    try:
        return catalogue()[name]
    except KeyError:
        raise UnknownModel(name) from None


def hub_source(name: str) -> ModelSource | None:
    """The real model that a built-in one is a twin of, for a batch with ``weights = "hub"``; None: there is none.

    Raises:
        UnknownModel: no built-in model has this name.
    """
    try:
        model = _catalogue_file().models[name]
    except KeyError:
        raise UnknownModel(name) from None
    if model.hub is None:
        return None
    return ModelSource(name=name, type=model.type, hub=model.hub.repository, parts=model.hub.parts)


def own_entry(source: ModelSource) -> ModelEntry:
    """The entry of a model that the batch brings along; fetches what is not here yet. Relative paths start at this
    process's folder.

    Raises:
        ModelFileMissing: the model, or its reference, does not exist.
        ModelUnknown: the hub, or the address, has no such model.
        ModelUnavailable: it can't be fetched now.
    """
    repository = None
    if source.hub is not None:
        from jobs.models import hub  # noqa: PLC0415 - slow to load, and most batches need no hub

        repository = hub.fetch(source)
        files = [(part.name, repository / part.file, part.feeds) for part in source.parts]
    else:
        files = [("model", _own_file(source), {})]
    parts = []
    for name, path, feeds in files:
        reference = source.reference or path
        for role, file in (("path", path), ("reference", reference)):
            if not file.is_file():
                raise ModelFileMissing(source.name, role, file)
        parts.append(ModelPart(name=name, path=path, reference=reference, weights=weight_files(path), feeds=feeds))
    return ModelEntry(
        name=source.name, type=source.type, description="a model that the batch brings along", parts=tuple(parts),
        weights="hub" if repository else "file", repository=repository, inputs=None,
        tolerance=_catalogue_file().tolerance if source.tolerance is None else Tolerance.same(source.tolerance),
    )  # fmt: skip


def weight_files(path: Path) -> tuple[Path, ...]:
    """Files of weights beside an ONNX file: ``model.onnx_data``, ``model.onnx.data``, and what follows them."""
    return tuple(sorted(path.parent.glob(f"{glob.escape(path.name)}[._]data*")))


def _own_file(source: ModelSource) -> Path:
    if source.url is not None:
        from jobs.models import downloads  # noqa: PLC0415 - as above

        return downloads.fetch_url(source.url, source.sha256 or downloads.pin(source.url))
    assert source.path is not None, "a source has a path, an address or a repository"
    return source.path
