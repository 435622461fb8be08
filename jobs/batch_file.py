"""Read a batch file (TOML) into a plan. Every mistake is one line: what, where, what is allowed.

Says what may be in the file and that its parts fit; how a mistake is put into words is in batch_mistakes.py.
"""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from jobs.bad_input import BadInput, one_line
from jobs.batch_mistakes import explain, several, unknown
from jobs.batches.values import Priority
from jobs.browsers.faults import is_possible
from jobs.model_sources import add_sources, is_hub_name
from jobs.models.catalogue import built_in_name, catalogue
from jobs.own.table import OwnTestTable, own_tests
from jobs.plan import DEFAULT_TIMEOUT, Plan, PlannedFault, Selector
from jobs.specs import FAULTS_OF_MODELS, Isolation, ModelSource, Platform
from recovery import BrowserType, RecoveryPolicy

# Bytes. A matrix is short; anything larger is not a batch file.
LARGEST_FILE = 1_000_000
# Tests of one batch file.
LARGEST_MATRIX = 1_000_000
LONGEST_NAME = 100

Chosen = TypeVar("Chosen", bound=Selector)


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Matrix(_Table):
    browsers: list[BrowserType] = Field(min_length=1)
    models: list[str] = Field(min_length=1)
    platforms: list[Platform] = Field(min_length=1)
    exclude: list[Selector] = []


class _BatchFile(_Table):
    name: str | None = Field(default=None, min_length=1, max_length=LONGEST_NAME)
    timeout: float = Field(default=DEFAULT_TIMEOUT, ge=1, le=3600, strict=True)
    repeat: int = Field(default=1, ge=1, le=10_000, strict=True)
    priority: Priority = "normal"
    fail_fast: bool = Field(default=False, strict=True)
    allow: frozenset[Literal["degraded", "simulated"]] = frozenset()
    isolation: Isolation | None = None
    weights: Literal["tiny", "hub"] = "tiny"
    matrix: _Matrix | None = None
    recovery: dict[str, Any] = {}
    model: list[ModelSource] = []
    test: list[OwnTestTable] = []
    fault: list[PlannedFault] = []


def load_plan(path: Path) -> Plan:
    """The plan of a batch file. Paths of own models are relative to it.

    Raises:
        BadInput: the file can't be read, isn't TOML, or says something that isn't allowed.
    """
    try:
        given = _BatchFile.model_validate(_read(path))
    except ValidationError as error:
        raise BadInput(f"{path.name}: {several(explain(error, _BatchFile))}") from error
    if given.matrix is None and not given.test:
        raise BadInput(
            f"{path.name}: matrix: missing; give a table with browsers, models and platforms, or a [[test]] of your own"
        )
    own = {source.name: source.model_copy(update=_found(path, source)) for source in given.model}
    given = _with_full_names(given, own)
    matrix = given.matrix or _Matrix.model_construct(browsers=[], models=[], platforms=[])
    wrong_elsewhere = add_sources(own, matrix.models, given.weights)
    tests, wrong_tests = own_tests(given.test, matrix.browsers)
    mistakes = [
        *_wrong_sources(path, given.model),
        *wrong_elsewhere,
        *_wrong_names(given, matrix, own),
        *wrong_tests,
        *_wrong_policy(given.recovery),
    ]
    if mistakes:
        raise BadInput(f"{path.name}: {several(mistakes)}")
    plan = Plan(
        name=one_line(given.name or path.stem)[:LONGEST_NAME],
        browsers=tuple(dict.fromkeys(matrix.browsers)),
        models=tuple(dict.fromkeys(matrix.models)),
        platforms=tuple(dict.fromkeys(matrix.platforms)),
        timeout=given.timeout,
        repeat=given.repeat,
        priority=given.priority,
        fail_fast=given.fail_fast,
        allow=frozenset(given.allow),
        exclude=tuple(matrix.exclude),
        faults=tuple(given.fault),
        own_models=own,
        own_tests=tuple(tests),
        folder=path.parent.absolute(),
        isolation=given.isolation,
        policy_overrides=given.recovery,
    )
    _check_cells(path, plan)
    return plan


def _with_full_names(given: _BatchFile, own: Collection[str]) -> _BatchFile:
    """The same batch, with built-in models by their names in the catalogue. A name of the batch's own is its own."""

    def full(model: str) -> str:
        return model if model in own else built_in_name(model)

    def with_full_name(selector: Chosen) -> Chosen:
        return selector.model_copy(update={"model": selector.model and full(selector.model)})

    matrix = given.matrix and given.matrix.model_copy(
        update={
            "models": list(map(full, given.matrix.models)),
            "exclude": list(map(with_full_name, given.matrix.exclude)),
        }
    )
    return given.model_copy(update={"matrix": matrix, "fault": list(map(with_full_name, given.fault))})


def _read(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise BadInput(f"{path}: {error.strerror}; give a batch file (TOML)") from error
    if len(content) > LARGEST_FILE:
        raise BadInput(f"{path.name}: larger than {LARGEST_FILE} bytes; give a batch file (TOML)")
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise BadInput(f"{path.name}: not UTF-8 text (byte {error.start}); give a batch file (TOML)") from error
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise BadInput(f"{path.name}: not TOML: {error}") from error
    except ValueError as error:  # Python refuses to read a number of so many digits
        raise BadInput(f"{path.name}: a number in it has thousands of digits") from error


def _found(path: Path, source: ModelSource) -> dict[str, Path]:
    """The files that a source names, as absolute paths; without those that don't exist."""
    found = {}
    for key, file in (("path", source.path), ("reference", source.reference)):
        if file is None:
            continue
        try:
            absolute = (path.parent / file).resolve()
            if absolute.is_file():
                found[key] = absolute
        except (OSError, ValueError, RuntimeError):  # too long, no path at all, or links in a circle
            continue
    return found


def _wrong_sources(path: Path, sources: Collection[ModelSource]) -> Iterator[str]:
    seen: set[str] = set()
    for index, source in enumerate(sources):
        if source.name in seen or source.name in catalogue():
            of_whom = "another [[model]]" if source.name in seen else "a built-in model"
            yield f"model[{index}].name: {source.name!r} is the name of {of_whom}; choose another one"
        seen.add(source.name)
        found = _found(path, source)
        for key, file in (("path", source.path), ("reference", source.reference)):
            if file is not None and key not in found:
                yield f"model[{index}].{key}: no file {str(file)!r}; give one, relative to {path.parent.absolute()}"


def _wrong_names(given: _BatchFile, matrix: _Matrix, own: Mapping[str, ModelSource]) -> Iterator[str]:
    allowed = dict.fromkeys((*own, *catalogue()))
    named: list[tuple[str, str | None]] = [
        *((f"matrix.models[{index}]", model) for index, model in enumerate(matrix.models)),
        *((f"matrix.exclude[{index}].model", selector.model) for index, selector in enumerate(matrix.exclude)),
        *((f"fault[{index}].model", fault.model) for index, fault in enumerate(given.fault)),
    ]
    for where, model in named:
        # A hub's name that is not there yet was told by add_sources.
        if model is not None and model not in allowed and not is_hub_name(model):
            yield unknown(where, "model", model, allowed)


def _wrong_policy(overrides: Mapping[str, Any]) -> Iterator[str]:
    try:
        RecoveryPolicy.default().merged(overrides)
    except ValueError as error:
        found = error.__cause__
        yield from explain(found, RecoveryPolicy, "recovery") if isinstance(found, ValidationError) else [str(error)]


def _check_cells(path: Path, plan: Plan) -> None:
    cells = list(plan.cells())
    own_cells = [(browser, test.name) for browser, test in plan.own_cells()]
    if not cells and plan.models:
        raise BadInput(f"{path.name}: matrix.exclude: it leaves no test")
    if plan.total > LARGEST_MATRIX:
        raise BadInput(f"{path.name}: {plan.total} tests; allowed: up to {LARGEST_MATRIX}")
    for index, fault in enumerate(plan.faults):
        if fault.test is not None and fault.kind in FAULTS_OF_MODELS:
            raise BadInput(f"{path.name}: fault[{index}].kind: {fault.kind.value!r} is for tests of models only")
        if not any(fault.matches(*cell) for cell in cells) and not any(fault.matches_own(*own) for own in own_cells):
            raise BadInput(f"{path.name}: fault[{index}]: no test has its browser, model, platform and test")
        hit = [(browser, platform) for browser, model, platform in cells if fault.matches(browser, model, platform)]
        if hit and not any(is_possible(fault.kind, browser, platform) for browser, platform in hit):
            raise BadInput(f"{path.name}: fault[{index}].kind: {fault.kind.value} breaks nothing that its tests use")
